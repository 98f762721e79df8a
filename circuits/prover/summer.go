package main

import (
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

const (
	summerBatch = 1 << 10
	// summerSlab is how many points are worked on at once: they fit into a processor's own cache.
	summerSlab = 1 << 13
)

// columns holds one coordinate of many points: its real and, in G2, its imaginary parts.
type columns [2]fp.Vector

func newColumns(degree, size int) (c columns) {
	for j := range degree {
		c[j] = make(fp.Vector, size)
	}
	return c
}

func (c columns) first(n int) columns {
	for j := range c {
		c[j] = c[j][:min(n, len(c[j]))]
	}
	return c
}

func (c columns) sub(a, b columns) {
	for j := range c {
		c[j].Sub(a[j], b[j])
	}
}

// summer adds up groups of points, pairs of them by the batch.
type summer struct {
	degree            int
	x1, y1, x2, y2, x columns
	slots             []int
	spare             fp.Vector
	work              []fp.Element
}

func newSummer(degree int) *summer {
	column := func() columns { return newColumns(degree, summerBatch) }
	return &summer{
		degree: degree, x1: column(), y1: column(), x2: column(), y2: column(), x: column(),
		slots: make([]int, 0, summerBatch), spare: make(fp.Vector, 3*summerBatch),
	}
}

// sum returns one sum for each group, the next sizes[g] entries of order; an entry is twice the index
// of a point, plus one to subtract it. It leaves in sizes 0 where the sum is infinity, else 1.
func (s *summer) sum(points []fp.Element, order []uint32, sizes []int) []fp.Element {
	size := 2 * s.degree
	out := make([]fp.Element, len(sizes)*size)
	for start, end := 0, 0; start < len(sizes); start = end {
		count := sizes[start]
		for end = start + 1; end < len(sizes) && count+sizes[end] <= summerSlab; end++ {
			count += sizes[end]
		}
		s.gather(points, order[:count])
		order = order[count:]
		s.fold(sizes[start:end])
		at := 0
		for g := start; g < end; g++ {
			at += copy(out[g*size:][:sizes[g]*size], s.work[at:])
		}
	}
	return out
}

func (s *summer) gather(points []fp.Element, order []uint32) {
	size := 2 * s.degree
	s.work = slices.Grow(s.work[:0], len(order)*size)[:len(order)*size]
	for i, entry := range order {
		p, from := s.work[i*size:][:size], points[int(entry>>1)*size:][:size]
		for j := 0; j < size; j += 2 {
			*(*[2]fp.Element)(p[j:]) = [2]fp.Element(from[j:])
		}
		if entry&1 == 1 {
			for j := s.degree; j < size; j++ {
				p[j].Neg(&p[j])
			}
		}
	}
}

// fold adds the points of each group in pairs until no more than one is left. `write` never passes `read`, and what
// is added is copied when it is queued: so a sum that waits is never read in the same round.
func (s *summer) fold(sizes []int) {
	for again := true; again; {
		again = false
		read, write := 0, 0
		for g, n := range sizes {
			first := write
			for ; n > 1; n -= 2 {
				write += s.pair(read, write)
				read += 2
			}
			if n == 1 {
				copy(s.at(write), s.at(read))
				read, write = read+1, write+1
			}
			sizes[g] = write - first
			again = again || sizes[g] > 1
		}
		s.flush()
	}
}

func (s *summer) at(i int) []fp.Element { return s.work[i*2*s.degree:][:2*s.degree] }

// pair queues the sum of two points of work; 0 if it is infinity, which takes no place.
func (s *summer) pair(read, write int) int {
	d := s.degree
	p, q := s.at(read), s.at(read+1)
	if slices.Equal(p[:d], q[:d]) {
		if !slices.Equal(p[d:], q[d:]) {
			return 0
		}
		s.double(write, p)
		return 1
	}
	k := len(s.slots)
	for j := range d {
		s.x1[j][k], s.y1[j][k], s.x2[j][k], s.y2[j][k] = p[j], p[d+j], q[j], q[d+j]
	}
	if s.slots = append(s.slots, write); len(s.slots) == summerBatch {
		s.flush()
	}
	return 1
}

// double is for equal points, which are rare.
func (s *summer) double(write int, p []fp.Element) {
	if s.degree == 1 {
		var sum bn254.G1Affine
		sum.Double(&bn254.G1Affine{X: p[0], Y: p[1]})
		copy(s.at(write), []fp.Element{sum.X, sum.Y})
		return
	}
	var sum bn254.G2Affine
	sum.Double(asG2(p))
	copy(s.at(write), []fp.Element{sum.X.A0, sum.X.A1, sum.Y.A0, sum.Y.A1})
}

// flush computes the sums that wait: with the slope l = (y2 − y1)/(x2 − x1) the sum is at
// x = l² − x1 − x2, y = l·(x1 − x) − y1.
func (s *summer) flush() {
	n := len(s.slots)
	x1, y1, x2, l, x := s.x1.first(n), s.y1.first(n), s.x2.first(n), s.y2.first(n), s.x.first(n)
	l.sub(l, y1)
	x.sub(x2, x1)
	s.invert(x)
	s.mul(l, l, x)
	s.mul(x, l, l)
	x.sub(x, x1)
	x.sub(x, x2)
	x1.sub(x1, x)
	s.mul(l, l, x1)
	l.sub(l, y1)
	for k, slot := range s.slots {
		p := s.at(slot)
		for j := range s.degree {
			p[j], p[s.degree+j] = x[j][k], l[j][k]
		}
	}
	s.slots = s.slots[:0]
}

// mul multiplies element by element; in G2 as (a + b·u)(c + d·u) with u² = −1, by three products.
func (s *summer) mul(out, a, b columns) {
	if s.degree == 1 {
		out[0].Mul(a[0], b[0])
		return
	}
	n := len(a[0])
	t, re, im := s.spare[:n], s.spare[n:2*n], s.spare[2*n:3*n]
	t.Add(a[0], a[1])
	re.Add(b[0], b[1])
	t.Mul(t, re)
	re.Mul(a[0], b[0])
	im.Mul(a[1], b[1])
	t.Sub(t, re)
	out[0].Sub(re, im)
	out[1].Sub(t, im)
}

// invert inverts every element; in G2 as 1/(a + b·u) = (a − b·u)/(a² + b²).
func (s *summer) invert(c columns) {
	if s.degree == 1 {
		invertAll(c[0], s.spare)
		return
	}
	n := len(c[0])
	norm, t := s.spare[:n], s.spare[n:2*n]
	norm.Mul(c[0], c[0])
	t.Mul(c[1], c[1])
	norm.Add(norm, t)
	invertAll(norm, s.spare[n:])
	c[0].Mul(c[0], norm)
	c[1].Mul(c[1], norm)
	clear(t)
	c[1].Sub(t, c[1])
}

// invertAll inverts a vector by one inversion: with i = 1/(a·b), 1/a is i·b and 1/b is i·a. It needs
// as much spare room as the vector and a few elements more.
func invertAll(v, spare fp.Vector) {
	switch len(v) {
	case 0:
		return
	case 1:
		v[0].Inverse(&v[0])
		return
	}
	half := len(v) / 2
	rest := len(v) - half // one more than half if the length is odd: that element has no partner
	low, high := v[:half], v[rest:]
	products, room := spare[:rest], spare[rest:]
	pairs := products[:half]
	pairs.Mul(low, high)
	copy(products[half:], v[half:rest])
	invertAll(products, room)
	copy(v[half:rest], products[half:])
	room = room[:half]
	room.Mul(pairs, high)
	high.Mul(pairs, low)
	copy(low, room)
}
