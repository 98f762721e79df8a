package main

import (
	"runtime"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// combine sums factor·scalars[i]·points[i] by our code, the points encoded as in a key.
func combine(
	t *testing.T, g1s []g1, g2s []g2, scalars []fr.Element, factor fr.Element,
) (*bn254.G1Affine, *bn254.G2Affine) {
	t.Helper()
	a, b := newCombination(1, 0), newCombination(2, 0)
	if !a.add(appendG1(nil, g1s...), scalars, factor) || !b.add(appendG2(nil, g2s...), scalars, factor) {
		t.Fatal("points refused")
	}
	sumAll(a, b)
	return a.g1(), b.g2()
}

func checkCombination(t *testing.T, name string, g1s []g1, g2s []g2, scalars []fr.Element, factor fr.Element) {
	t.Helper()
	inG1, inG2 := combine(t, g1s, g2s, scalars, factor)
	scaled := make([]fr.Element, len(scalars))
	p, q := make([]bn254.G1Affine, len(scalars)), make([]bn254.G2Affine, len(scalars))
	for i := range scalars {
		scaled[i].Mul(&scalars[i], &factor)
		p[i], q[i] = bn254.G1Affine(g1s[i]), bn254.G2Affine(g2s[i])
	}
	config := ecc.MultiExpConfig{NbTasks: runtime.GOMAXPROCS(0)}
	want1, err1 := new(bn254.G1Affine).MultiExp(p, scaled, config)
	want2, err2 := new(bn254.G2Affine).MultiExp(q, scaled, config)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if *inG1 != *want1 || *inG2 != *want2 {
		t.Errorf("%s: %d terms, G1 %v, G2 %v", name, len(scalars), *inG1 == *want1, *inG2 == *want2)
	}
}

func TestCombinationAgreesWithGnark(t *testing.T) {
	edges := scalars(t)
	factor := edges[len(edges)-1]
	for _, count := range []int{0, 1, 2, 3, 100, 5_000} {
		exponents := make([]fr.Element, count)
		random := make([]fr.Element, count)
		for i := range exponents {
			exponents[i].SetUint64(uint64(i) * 977)
			random[i].MustSetRandom()
			if i < len(edges) {
				random[i] = edges[i]
			}
		}
		p, q := baseG1(count+1).mul(exponents), baseG2(count+1).mul(exponents) // the first is infinity
		checkCombination(t, "random", p, q, random, fr.One())
		checkCombination(t, "factor", p, q, random, factor)
		same := slices.Repeat([]fr.Element{factor}, count)
		checkCombination(t, "one scalar", p, q, same, fr.One())
		if count > 2 {
			p, q = slices.Repeat(p[2:3], count), slices.Repeat(q[2:3], count)
			checkCombination(t, "one point", p, q, random, fr.One())
			checkCombination(t, "one term", p, q, same, factor)
			for i := range same {
				if i%2 == 1 {
					same[i].Neg(&same[i])
				}
			}
			checkCombination(t, "cancelling", p, q, same, fr.One())
		}
	}
}

func TestCombinationRefusesWhatIsNoCoordinate(t *testing.T) {
	one := []fr.Element{fr.One()}
	for degree, size := range map[int]int{1: sizeG1, 2: sizeG2} {
		for at := 0; at < size; at += sizeF {
			section := make([]byte, size)
			for i := range sizeF {
				section[at+i] = 0xff
			}
			if newCombination(degree, 1).add(section, one, fr.One()) {
				t.Errorf("degree %d: byte %d", degree, at)
			}
		}
	}
}
