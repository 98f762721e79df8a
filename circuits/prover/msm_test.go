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

// A width is otherwise chosen by the number of terms; none of the wide ones by a number that a test could afford.
func TestCombinationOfEveryWidth(t *testing.T) {
	edges := scalars(t)
	p, q := baseG1(len(edges)).mul(edges), baseG2(len(edges)).mul(edges)
	want1, want2 := combine(t, p, q, edges, fr.One())
	for width := 2; width <= 17; width++ {
		a, b := newCombination(1, 0), newCombination(2, 0)
		a.add(appendG1(nil, p...), edges, fr.One())
		b.add(appendG2(nil, q...), edges, fr.One())
		for _, c := range []*combination{a, b} {
			c.width = width
			c.recode()
			for w := range c.windows() {
				c.sumWindow(w)
			}
		}
		if *a.g1() != *want1 || *b.g2() != *want2 {
			t.Errorf("width %d", width)
		}
	}
}

// More terms than a slab holds, and more of one digit than it holds.
func TestCombinationOfManySlabs(t *testing.T) {
	const count = 2*summerSlab + 100
	exponents, factors := make([]fr.Element, count), make([]fr.Element, count)
	for i := range exponents {
		exponents[i].MustSetRandom()
		factors[i].MustSetRandom()
	}
	p, q := baseG1(count).mul(exponents), baseG2(count).mul(exponents)
	checkCombination(t, "slabs", p, q, factors, fr.One())
	for i := range factors {
		if i%3 != 0 {
			factors[i].SetOne()
		} else if i%2 == 0 {
			factors[i].SetInt64(-1)
		}
	}
	checkCombination(t, "one heavy digit", p, q, factors, fr.One())
}

// Few points and their opposites, so that sums of sums meet and cancel too.
func TestCombinationWhoseSumsCollide(t *testing.T) {
	const count = 3_000
	exponents, factors := make([]fr.Element, count), make([]fr.Element, count)
	for i := range exponents {
		exponents[i].SetInt64(int64(i*i%7) - 3)
		factors[i].MustSetRandom()
		if i%4 == 0 {
			factors[i].SetInt64(int64(i%2_000) - 1_000)
		}
	}
	checkCombination(t, "collisions", baseG1(count).mul(exponents), baseG2(count).mul(exponents), factors, fr.One())
}

func TestEveryLengthIsInverted(t *testing.T) {
	for degree := 1; degree <= 2; degree++ {
		for n := range summerBatch + 1 {
			if n > 70 && n < summerBatch-70 {
				continue
			}
			s := newSummer(degree)
			c, before := s.x.first(n), make([]bn254.E2, n)
			for i := range n {
				for j := range degree {
					c[j][i].MustSetRandom()
				}
				if degree == 2 && i%5 < 2 {
					c[i%5][i].SetZero() // purely imaginary, purely real
				}
				before[i] = element(c, i)
			}
			s.invert(c)
			for i := range n {
				after := element(c, i)
				if !after.Mul(&after, &before[i]).IsOne() {
					t.Fatalf("degree %d: element %d of %d", degree, i, n)
				}
			}
		}
	}
}

func element(c columns, i int) bn254.E2 {
	if c[1] == nil {
		return bn254.E2{A0: c[0][i]}
	}
	return bn254.E2{A0: c[0][i], A1: c[1][i]}
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
