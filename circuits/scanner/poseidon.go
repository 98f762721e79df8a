package main

import (
	"errors"
	"io"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

const (
	width     = 7
	inner     = width - 1
	fullHalf  = 4
	maxRounds = 128
)

// poseidon holds the parameters of width 7, the partial rounds in sparse form (offchain/grain.py), and the tag of a
// memo's use.
type poseidon struct {
	tag                               fr.Element
	first, enter, keys, rows, columns []fr.Element
	second, mix                       []fr.Element
}

func readPoseidon(in io.Reader) (*poseidon, error) {
	head, err := readWords(in, 2)
	if err != nil {
		return nil, err
	}
	partial := head[1].BigInt(new(big.Int))
	if !partial.IsInt64() || partial.Int64() > maxRounds {
		return nil, errors.New("too many partial rounds")
	}
	p, rounds := &poseidon{tag: head[0]}, int(partial.Int64())
	for _, part := range []struct {
		to    *[]fr.Element
		count int
	}{
		{&p.first, fullHalf * width}, {&p.enter, inner * inner}, {&p.keys, rounds}, {&p.rows, rounds * inner},
		{&p.columns, rounds * inner}, {&p.second, fullHalf * width}, {&p.mix, width * width},
	} {
		if *part.to, err = readWords(in, part.count); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// firstPad is element 1 of the permutation of (tag, x, y, 0, …): what a memo's first word is sealed with.
func (p *poseidon) firstPad(x, y fr.Element) fr.Element {
	s := [width]fr.Element{p.tag, x, y}
	for round := range fullHalf {
		p.full(&s, p.first[round*width:])
	}
	var z [inner]fr.Element
	for i := range z {
		z[i] = dot(p.enter[i*inner:], s[1:])
	}
	zero := s[0]
	for round := range p.keys {
		zero.Add(&zero, &p.keys[round])
		box := fifth(&zero)
		row := dot(p.rows[round*inner:], z[:])
		zero.Mul(&p.mix[0], &box)
		zero.Add(&zero, &row)
		for i := range z {
			var gain fr.Element
			gain.Mul(&box, &p.columns[round*inner+i])
			z[i].Add(&z[i], &gain)
		}
	}
	s[0] = zero
	copy(s[1:], z[:])
	for round := range fullHalf {
		p.full(&s, p.second[round*width:])
	}
	return s[1]
}

func (p *poseidon) full(s *[width]fr.Element, constants []fr.Element) {
	var boxes [width]fr.Element
	for i := range s {
		s[i].Add(&s[i], &constants[i])
		boxes[i] = fifth(&s[i])
	}
	for i := range s {
		s[i] = dot(p.mix[i*width:], boxes[:])
	}
}

func fifth(x *fr.Element) (y fr.Element) {
	y.Square(x)
	y.Square(&y)
	y.Mul(&y, x)
	return y
}

// dot multiplies as many as there are in b.
func dot(a, b []fr.Element) (sum fr.Element) {
	var product fr.Element
	for i := range b {
		product.Mul(&a[i], &b[i])
		sum.Add(&sum, &product)
	}
	return sum
}
