package main

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Baby Jubjub, a·x² + y² = 1 + d·x²·y², taken as u² + y² = 1 + (d/a)·u²·y² with u = x·√a: a is a square, and
// a doubling is cheaper. Points are projective (u/z, y/z).
type point struct{ u, y, z fr.Element }

const (
	windowBits = 5
	half       = 1 << (windowBits - 1)
)

var rootA, inverseRootA, ratio = constants()

func constants() (root, inverse, ratio fr.Element) {
	a := fr.NewElement(168700)
	d := fr.NewElement(168696)
	if root.Sqrt(&a) == nil {
		panic("168700 is a square")
	}
	inverse.Inverse(&root)
	ratio.Div(&d, &a)
	return root, inverse, ratio
}

// readPoint is not ok for words that are no point of the curve.
func readPoint(from []byte) (p point, ok bool) {
	x, y, ok := readPair(from)
	if !ok {
		return p, false
	}
	p.u.Mul(&x, &rootA)
	p.y = y
	p.z.SetOne()
	var u2, y2, left, right fr.Element
	u2.Square(&p.u)
	y2.Square(&p.y)
	left.Add(&u2, &y2)
	right.Mul(&u2, &y2)
	right.Mul(&right, &ratio)
	right.Add(&right, &p.z)
	return p, left.Equal(&right)
}

// affine takes 1/z.
func (p *point) affine(inverse *fr.Element) (x, y fr.Element) {
	x.Mul(&p.u, inverse)
	x.Mul(&x, &inverseRootA)
	y.Mul(&p.y, inverse)
	return x, y
}

// double and add: Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards Curves", §6, with a = 1.
func (p *point) double() {
	var b, c, d, f, j fr.Element
	b.Add(&p.u, &p.y)
	b.Square(&b)
	c.Square(&p.u)
	d.Square(&p.y)
	f.Add(&c, &d)
	j.Square(&p.z)
	j.Double(&j)
	j.Sub(&f, &j)
	b.Sub(&b, &f)
	p.u.Mul(&b, &j)
	c.Sub(&c, &d)
	p.y.Mul(&f, &c)
	p.z.Mul(&f, &j)
}

func (p *point) add(q *point) {
	var a, b, c, d, e, f, g, h, k fr.Element
	a.Mul(&p.z, &q.z)
	b.Square(&a)
	c.Mul(&p.u, &q.u)
	d.Mul(&p.y, &q.y)
	e.Mul(&c, &d)
	e.Mul(&e, &ratio)
	f.Sub(&b, &e)
	g.Add(&b, &e)
	h.Add(&p.u, &p.y)
	k.Add(&q.u, &q.y)
	h.Mul(&h, &k)
	h.Sub(&h, &c)
	h.Sub(&h, &d)
	h.Mul(&h, &f)
	p.u.Mul(&h, &a)
	d.Sub(&d, &c)
	d.Mul(&d, &g)
	p.y.Mul(&d, &a)
	p.z.Mul(&f, &g)
}

// digitsOf gives the non-adjacent form of 8·scalar, least digit first: odd digits below 2^(windowBits-1), few of
// them. The factor 8 removes torsion (protocol §3).
func digitsOf(scalar []byte) []int8 {
	n := new(big.Int).SetBytes(scalar)
	n.Lsh(n, 3)
	var digits []int8
	window := big.NewInt(2 * half)
	for n.Sign() > 0 {
		digit := int64(0)
		if n.Bit(0) == 1 {
			digit = new(big.Int).Mod(n, window).Int64()
			if digit >= half {
				digit -= 2 * half
			}
			n.Sub(n, big.NewInt(digit))
		}
		digits = append(digits, int8(digit))
		n.Rsh(n, 1)
	}
	return digits
}

// multiply is not of constant time: secrets are used on their owner's machine.
func multiply(digits []int8, p point) point {
	var odd [half / 2]point // 1, 3, 5, … times p
	odd[0] = p
	twice := p
	twice.double()
	for i := 1; i < len(odd); i++ {
		odd[i] = odd[i-1]
		odd[i].add(&twice)
	}
	var sum point
	sum.y.SetOne()
	sum.z.SetOne()
	for i := len(digits) - 1; i >= 0; i-- {
		sum.double()
		if digit := digits[i]; digit > 0 {
			sum.add(&odd[digit/2])
		} else if digit < 0 {
			minus := odd[-digit/2]
			minus.u.Neg(&minus.u)
			sum.add(&minus)
		}
	}
	return sum
}
