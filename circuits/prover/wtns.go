package main

import (
	"io"
	"os"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// maxWitness bounds what is read from standard input: 2^27 wires and the headers.
const maxWitness = maxDomain*sizeF + 1<<10

// readWitness reads a wtns file by its path, or from standard input where the path is "-",
// so that a witness need never touch the disk.
func readWitness(path string, stdin io.Reader) ([]fr.Element, error) {
	if path != "-" {
		data, err := mapFile(path)
		if err != nil {
			return nil, err
		}
		return parseWtns(data, path)
	}
	data, err := io.ReadAll(io.LimitReader(stdin, maxWitness+1))
	if err != nil || len(data) > maxWitness {
		return nil, badInput("witness on standard input cannot be read or is over %d bytes; pipe one wtns file", maxWitness)
	}
	return parseWtns(data, os.Stdin.Name())
}

// parseWtns reads an iden3 wtns file (version 1 or 2, BN254); element 0 must be one. Errors
// name positions only: the values are secret.
func parseWtns(data []byte, name string) ([]fr.Element, error) {
	file, err := parseContainer(data, name, "wtns", 2)
	if err != nil {
		return nil, err
	}
	header, err := file.section(1, 4+sizeF+4)
	if err != nil {
		return nil, err
	}
	c := cursor{rest: header}
	if !c.prime(frModulus) {
		return nil, badInput("%s: not over BN254's scalar field; compile with `--prime bn128`", name)
	}
	count := c.u32()
	body, err := file.section(2, sizeF*int64(count))
	if err != nil {
		return nil, err
	}
	witness := make([]fr.Element, count)
	for i := range witness {
		witness[i], err = fr.LittleEndian.Element((*[sizeF]byte)(body[sizeF*i:]))
		if err != nil {
			return nil, badInput("%s: word %d is not below the field's modulus; make the witness again", name, i)
		}
	}
	if count == 0 || !witness[0].IsOne() {
		return nil, badInput("%s: word 0 is not the constant one; make the witness again", name)
	}
	return witness, nil
}
