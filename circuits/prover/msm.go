package main

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// combination is a sum of multiples of points of G1 (degree 1) or G2 (degree 2), which is what
// proving spends its time on. A point is 2·degree field elements, x first; infinity is left out.
//
// Its sum is Pippenger's: the scalars are cut into windows of `width` bits, and in each window
// the points of one digit are added up. Additions are affine and done by the batch, a batch
// in columns; the points are sorted by digit first, so that a batch stays in the processor's
// cache. That takes about two thirds of gnark-crypto's MultiExp, which is held to the same sums
// by the tests. A wrong sum could cost a proof, never make one: each is verified before it leaves.
type combination struct {
	degree, width int
	points        []fp.Element
	scalars       []limbs
	bits          []fp.Element
}

func newCombination(degree, capacity int) *combination {
	return &combination{
		degree: degree, points: make([]fp.Element, 0, 2*degree*capacity), scalars: make([]limbs, 0, capacity),
	}
}

// add appends factor·scalars[i] times point i of a key's section; false if a coordinate is beyond the field.
func (c *combination) add(section []byte, scalars []fr.Element, factor fr.Element) bool {
	size := 2 * c.degree * sizeF
	for i := range scalars {
		if scalars[i].IsZero() {
			continue
		}
		start, nonzero := len(c.points), limbs{}
		for b := section[i*size : (i+1)*size]; len(b) > 0; b = b[sizeF:] {
			l := loadLimbs(b)
			if !fpModulus.holds(l) {
				return false
			}
			for j := range l {
				nonzero[j] |= l[j]
			}
			c.points = append(c.points, l)
		}
		if nonzero == (limbs{}) {
			c.points = c.points[:start]
			continue
		}
		c.scalars = append(c.scalars, new(fr.Element).Mul(&scalars[i], &factor).Bits())
	}
	return true
}

func (c *combination) windows() int { return fr.Bits/c.width + 1 }

// prepare picks the width with the fewest additions. It also adds half a window to every window of every
// scalar but the last: a window less a half is then a signed digit, which halves the sums to keep. Once only.
func (c *combination) prepare() {
	cost := func(width int) int { return (fr.Bits/width + 1) * (len(c.scalars) + 1<<width) }
	for c.width = 2; cost(c.width+1) < cost(c.width); {
		c.width++
	}
	c.recode()
}

func (c *combination) recode() {
	var half limbs
	for bit := c.width - 1; bit < c.width*(c.windows()-1); bit += c.width {
		half[bit/64] |= 1 << (bit % 64)
	}
	each(len(c.scalars), func(i int) { c.scalars[i] = addLimbs(c.scalars[i], half) })
	c.bits = make([]fp.Element, c.windows()*c.width*2*c.degree)
}

func (c *combination) digit(i, w int) int {
	d := window(&c.scalars[i], w*c.width, c.width)
	if w < c.windows()-1 {
		d -= 1 << (c.width - 1)
	}
	return d
}

// sumWindow leaves in bits, for every bit of a window, the sum of the points whose digit has it.
func (c *combination) sumWindow(w int) {
	s := newSummer(c.degree)
	ends := make([]int, 1<<(c.width-1)+2)
	for i := range c.scalars {
		ends[max(c.digit(i, w), -c.digit(i, w))+1]++
	}
	ends[1] = 0 // the points of digit 0 are in no sum
	for d := 1; d < len(ends); d++ {
		ends[d] += ends[d-1]
	}
	order := make([]uint32, ends[len(ends)-1])
	for i := range c.scalars {
		if d := c.digit(i, w); d > 0 {
			order[ends[d]] = uint32(i) << 1
			ends[d]++
		} else if d < 0 {
			order[ends[-d]] = uint32(i)<<1 | 1
			ends[-d]++
		}
	}
	// Now ends[d] is where the points of digit d end.
	sizes := make([]int, len(ends)-1)
	for d := 1; d < len(sizes); d++ {
		sizes[d] = ends[d] - ends[d-1]
	}
	digits := s.sum(c.points, order, sizes)

	// By the low and the high half of the digit, then by each of their bits.
	low := c.width / 2
	rows := 1 << (c.width - low - 1)
	var list grouping
	for l := range 1 << low {
		for d := l; d < len(sizes); d += 1 << low {
			list.put(d, sizes[d] != 0)
		}
		list.end()
	}
	for h := range rows + 1 {
		for d := h << low; d < min((h+1)<<low, len(sizes)); d++ {
			list.put(d, sizes[d] != 0)
		}
		list.end()
	}
	halves, sizes := s.sum(digits, list.order, list.sizes), list.sizes
	list = grouping{}
	for bit := range c.width {
		from, to, shift := 0, 1<<low, bit
		if bit >= low {
			from, to, shift = 1<<low, len(sizes), bit-low
		}
		for i := from; i < to; i++ {
			list.put(i, sizes[i] != 0 && (i-from)>>shift&1 == 1)
		}
		list.end()
	}
	size := c.width * 2 * c.degree
	copy(c.bits[w*size:], s.sum(halves, list.order, list.sizes))
}

// grouping lists the points of one group after another.
type grouping struct {
	order []uint32
	sizes []int
	begin int
}

func (g *grouping) put(i int, wanted bool) {
	if wanted {
		g.order = append(g.order, uint32(i)<<1)
	}
}

func (g *grouping) end() {
	g.sizes, g.begin = append(g.sizes, len(g.order)-g.begin), len(g.order)
}

// sumAll computes the sums of all combinations, on every processor.
func sumAll(all ...*combination) {
	type task struct {
		c *combination
		w int
	}
	var tasks []task
	for _, c := range all {
		c.prepare()
		for w := range c.windows() {
			tasks = append(tasks, task{c, w})
		}
	}
	inParallel(len(tasks), 1, func(i, _ int) { tasks[i].c.sumWindow(tasks[i].w) })
}

// g1 is the sum, after sumAll, of a combination in G1.
func (c *combination) g1() *bn254.G1Affine {
	var sum bn254.G1Jac
	for i := len(c.bits) - 2; i >= 0; i -= 2 {
		sum.DoubleAssign().AddMixed(&bn254.G1Affine{X: c.bits[i], Y: c.bits[i+1]})
	}
	return new(bn254.G1Affine).FromJacobian(&sum)
}

// g2 is g1 in the other group.
func (c *combination) g2() *bn254.G2Affine {
	var sum bn254.G2Jac
	for i := len(c.bits) - 4; i >= 0; i -= 4 {
		sum.DoubleAssign().AddMixed(asG2(c.bits[i:]))
	}
	return new(bn254.G2Affine).FromJacobian(&sum)
}

func asG2(p []fp.Element) *bn254.G2Affine {
	return &bn254.G2Affine{X: bn254.E2{A0: p[0], A1: p[1]}, Y: bn254.E2{A0: p[2], A1: p[3]}}
}
