package main

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

func scalars(t *testing.T) []fr.Element {
	var out []fr.Element
	for _, v := range []int64{0, 1, 2, 3, -1, -2} {
		out = append(out, *new(fr.Element).SetInt64(v))
	}
	for k := int64(1); k < 254; k += 11 {
		out = append(out, *new(fr.Element).Exp(fr.NewElement(2), big.NewInt(k)))
	}
	for range 20 {
		var e fr.Element
		if _, err := e.SetRandom(); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func TestFixedBaseAgreesWithGnark(t *testing.T) {
	all := scalars(t)
	for _, count := range []int{1, 5_000, 200_000} {
		inG1, inG2 := baseG1(count).mul(all), baseG2(count).mul(all)
		for i := range all {
			var p bn254.G1Affine
			var q bn254.G2Affine
			p.ScalarMultiplicationBase(bigOf(&all[i]))
			q.ScalarMultiplicationBase(bigOf(&all[i]))
			if bn254.G1Affine(inG1[i]) != p || bn254.G2Affine(inG2[i]) != q {
				t.Fatalf("scalar %s, table for %d", all[i].String(), count)
			}
		}
	}
}

func TestAdderSpecialCases(t *testing.T) {
	g := generatorG1()
	var minus, two bn254.G1Affine
	gg := bn254.G1Affine(g)
	minus.Neg(&gg)
	two.Add(&gg, &gg)
	negated := g1(minus)
	sums := []g1{g, g, g, {}, {}, g1(two)}
	newAdder[fp.Element, *fp.Element](len(sums)).add(sums, []*g1{{g.X, g.Y}, &negated, nil, &negated, {}, &negated})
	for i, want := range []g1{g1(two), {}, g, negated, {}, g} {
		if sums[i] != want {
			t.Errorf("case %d", i)
		}
	}
}

func TestLagrangeBasesSumToPolynomialValues(t *testing.T) {
	const n = 8
	tau := fr.NewElement(123456789)
	basis, odd, err := lagrangeAt(tau, n)
	if err != nil {
		t.Fatal(err)
	}
	// The constant 1 is the sum of a whole basis, and (tau^n − 1)/(−2) that of the odd half.
	var sum, half, want fr.Element
	for i := range n {
		sum.Add(&sum, &basis[i])
		half.Add(&half, &odd[i])
	}
	one := fr.One()
	want.Exp(tau, big.NewInt(n)).Sub(&one, &want).Halve()
	if !sum.IsOne() || !half.Equal(&want) {
		t.Fatal(sum.String(), half.String())
	}
	if _, _, err := lagrangeAt(one, n); err == nil {
		t.Fatal("a secret point in the domain was accepted")
	}
}
