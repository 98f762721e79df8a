package main

import (
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Sections of circom's r1cs file.
const (
	r1csHeader      = 1
	r1csConstraints = 2
	r1csWireLabels  = 3
	r1csGateUses    = 5
)

// r1cs is a rank-1 constraint system A·w ∘ B·w = C·w; wire 0 is the constant one, wires
// 1..public are the public signals (outputs first).
type r1cs struct {
	wires, public, constraints int
	body                       []byte
	name                       string
}

// term is one entry of a sparse matrix: matrix (0 = A, 1 = B, 2 = C), row, wire and value.
type term struct {
	matrix, row, wire uint32
	value             fr.Element
}

// parseR1cs checks the header of an iden3 r1cs file (version 1, BN254). Every count is
// bounded by the length of a section before anything is allocated from it.
func parseR1cs(data []byte, name string) (*r1cs, error) {
	file, err := parseContainer(data, name, "r1cs", 1)
	if err != nil {
		return nil, err
	}
	header, err := file.section(r1csHeader, -1)
	if err != nil {
		return nil, err
	}
	c := cursor{rest: header}
	if !c.prime(frModulus) {
		return nil, badInput("%s: not over BN254's scalar field; compile with `--prime bn128`", name)
	}
	wires, outputs, inputs, private := c.u32(), c.u32(), c.u32(), c.u32()
	c.u64() // labels are of no use here
	constraints := c.u32()
	if c.short || len(c.rest) != 0 {
		return nil, badInput("%s: the header has the wrong length; compile the circuit again", name)
	}
	if uint64(wires) < 1+uint64(outputs)+uint64(inputs)+uint64(private) {
		return nil, badInput("%s: %d wires cannot hold its inputs and outputs; compile the circuit again", name, wires)
	}
	if _, err := file.section(r1csWireLabels, 8*int64(wires)); err != nil {
		return nil, err
	}
	if uses := file.sections[r1csGateUses]; len(uses) > 4 {
		return nil, badInput("%s: custom gates are not part of Groth16; compile without them", name)
	}
	body, err := file.section(r1csConstraints, -1)
	if err != nil {
		return nil, err
	}
	if uint64(len(body)) < 12*uint64(constraints) {
		return nil, badInput("%s: section 2 is too short for %d constraints; compile the circuit again", name, constraints)
	}
	return &r1cs{int(wires), int(outputs + inputs), int(constraints), body, name}, nil
}

// terms calls visit for every entry of A, B and C, row by row, and checks each index and value.
func (r *r1cs) terms(visit func(term)) error {
	c := cursor{rest: r.body}
	for row := range r.constraints {
		for matrix := range uint32(3) {
			for range c.u32() {
				wire := c.u32()
				value, err := fr.LittleEndian.Element((*[sizeF]byte)(c.take(sizeF)))
				if c.short {
					return badInput("%s: constraint %d is cut off; compile the circuit again", r.name, row)
				}
				if int64(wire) >= int64(r.wires) {
					return badInput("%s: constraint %d names wire %d of %d; compile the circuit again", r.name, row, wire, r.wires)
				}
				if err != nil {
					return badInput("%s: constraint %d has a coefficient beyond the field; compile the circuit again", r.name, row)
				}
				visit(term{matrix, uint32(row), wire, value})
			}
		}
	}
	if c.short || len(c.rest) != 0 {
		return badInput("%s: section 2 does not hold %d constraints exactly; compile the circuit again", r.name, r.constraints)
	}
	return nil
}

// bindingTerms are the rows that snarkjs adds to A, one a public wire (and the one), so that
// the public inputs stay linearly independent of each other.
func (r *r1cs) bindingTerms(visit func(term)) {
	for wire := range uint32(r.public + 1) {
		visit(term{0, uint32(r.constraints) + wire, wire, fr.One()})
	}
}

// maxDomain is the largest domain whose odd coset still has a root of unity in the field.
const maxDomain = 1 << 27

// domain is the smallest power of two with room for all rows.
func (r *r1cs) domain() (int, error) {
	rows := r.constraints + r.public + 1
	if rows > maxDomain {
		return 0, badInput("%s: %d rows; BN254 has room for %d, split the circuit", r.name, rows, maxDomain)
	}
	return 1 << max(1, bits.Len(uint(rows-1))), nil
}
