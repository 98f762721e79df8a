package main

import (
	"runtime"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// coordinate is what affine arithmetic needs of a field; fp.Element and bn254.E2 have it, so
// one piece of code serves G1 and G2.
type coordinate[E any] interface {
	*E
	Add(x, y *E) *E
	Sub(x, y *E) *E
	Mul(x, y *E) *E
	Square(x *E) *E
	Inverse(x *E) *E
	SetOne() *E
	IsZero() bool
	Equal(x *E) bool
}

// point is affine; (0, 0), which is on neither curve, stands for infinity.
type point[E any] struct{ X, Y E }

func isInfinity[E any, F coordinate[E]](p *point[E]) bool {
	return F(&p.X).IsZero() && F(&p.Y).IsZero()
}

// adder adds many pairs of points with one field inversion (Montgomery's trick).
type adder[E any, F coordinate[E]] struct {
	numerator, denominator, product []E
}

func newAdder[E any, F coordinate[E]](size int) *adder[E, F] {
	return &adder[E, F]{make([]E, size), make([]E, size), make([]E, size)}
}

// add sets sum[i] += terms[i] for every term that is not nil. Where nothing has to be divided
// the denominator is left zero.
func (a *adder[E, F]) add(sum []point[E], terms []*point[E]) {
	var running E
	F(&running).SetOne()
	for i, t := range terms {
		a.product[i] = running
		if a.slope(i, &sum[i], t); !F(&a.denominator[i]).IsZero() {
			F(&running).Mul(&running, &a.denominator[i])
		}
	}
	F(&running).Inverse(&running)
	for i := len(terms) - 1; i >= 0; i-- {
		d := &a.denominator[i]
		if F(d).IsZero() {
			continue
		}
		var lambda, x, y E
		F(&lambda).Mul(&running, &a.product[i])
		F(&running).Mul(&running, d)
		F(&lambda).Mul(&lambda, &a.numerator[i])
		p, q := &sum[i], terms[i]
		F(&x).Square(&lambda)
		F(&x).Sub(&x, &p.X)
		F(&x).Sub(&x, &q.X)
		F(&y).Sub(&p.X, &x)
		F(&y).Mul(&y, &lambda)
		F(&p.Y).Sub(&y, &p.Y)
		p.X = x
	}
}

// slope stores the fraction whose value is the slope of the line through p and q, or settles
// the sum at once where there is no such line.
func (a *adder[E, F]) slope(i int, p, q *point[E]) {
	var none, square E
	n, d := &a.numerator[i], &a.denominator[i]
	*d = none
	switch {
	case q == nil || isInfinity[E, F](q):
	case isInfinity[E, F](p):
		*p = *q
	case !F(&p.X).Equal(&q.X):
		F(d).Sub(&q.X, &p.X)
		F(n).Sub(&q.Y, &p.Y)
	case F(&p.Y).Equal(&q.Y):
		F(d).Add(&p.Y, &p.Y)
		F(&square).Square(&p.X)
		F(n).Add(&square, &square)
		F(n).Add(n, &square)
	default:
		*p = point[E]{}
	}
}

// fixedBase multiplies one generator by many scalars: row w of its table holds the multiples
// 1 … 2^width − 1 of 2^(w·width) times the generator.
type fixedBase[E any, F coordinate[E]] struct {
	width int
	table [][]point[E]
}

// newFixedBase makes the table whose width is cheapest for the given number of scalars.
func newFixedBase[E any, F coordinate[E]](generator point[E], count int) *fixedBase[E, F] {
	windows := func(width int) int { return (fr.Bits + width - 1) / width }
	cost := func(width int) int { return windows(width) * (1<<width + count) }
	width := 2
	for cost(width+1) < cost(width) {
		width++
	}
	f := &fixedBase[E, F]{width, make([][]point[E], windows(width))}
	base := []point[E]{generator}
	one := newAdder[E, F](1)
	for w := range f.table {
		f.table[w] = make([]point[E], 1, 1<<width)
		f.table[w][0] = base[0]
		for range width {
			one.add(base, []*point[E]{{base[0].X, base[0].Y}})
		}
	}
	inParallel(len(f.table), 1, func(lo, hi int) {
		for w := lo; w < hi; w++ {
			f.table[w] = fillRow[E, F](f.table[w], width)
		}
	})
	return f
}

// fillRow extends [P] to [P, 2P, …]: from m multiples it makes the next m by adding mP.
func fillRow[E any, F coordinate[E]](row []point[E], width int) []point[E] {
	sums := newAdder[E, F](1 << (width - 1))
	steps := make([]*point[E], 1<<(width-1))
	for m := 1; m < 1<<width; m *= 2 {
		last := row[m-1]
		for i := range m {
			steps[i] = &last
		}
		row = append(row, row[:m]...)
		sums.add(row[m:], steps[:m])
	}
	return row[:1<<width-1]
}

// mul returns scalars[i] times the generator, in affine form.
func (f *fixedBase[E, F]) mul(scalars []fr.Element) []point[E] {
	const batch = 1 << 10
	out := make([]point[E], len(scalars))
	inParallel(len(scalars), batch, func(lo, hi int) {
		sums := newAdder[E, F](hi - lo)
		terms := make([]*point[E], hi-lo)
		digits := make([]limbs, hi-lo)
		for i := range digits {
			digits[i] = scalars[lo+i].Bits()
		}
		for w, row := range f.table {
			for i := range digits {
				terms[i] = nil
				if d := window(&digits[i], w*f.width, f.width); d != 0 {
					terms[i] = &row[d-1]
				}
			}
			sums.add(out[lo:hi], terms)
		}
	})
	return out
}

// window returns `width` bits of a number from a bit position on.
func window(l *limbs, from, width int) int {
	word, shift := from/64, from%64
	v := l[word] >> shift
	if shift+width > 64 && word+1 < len(l) {
		v |= l[word+1] << (64 - shift)
	}
	return int(v & (1<<width - 1))
}

// inParallel calls work on [0, n) in pieces of at most `piece`, on every processor.
func inParallel(n, piece int, work func(lo, hi int)) {
	var wg sync.WaitGroup
	starts := make(chan int, (n+piece-1)/piece)
	for lo := 0; lo < n; lo += piece {
		starts <- lo
	}
	close(starts)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for lo := range starts {
				work(lo, min(lo+piece, n))
			}
		})
	}
	wg.Wait()
}
