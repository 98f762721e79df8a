package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// Seeded mutations of well-formed files, the same in every run. A parser must refuse a file with
// a clear error or read out of it exactly what stands in it; it never panics.

const (
	fuzzSeed  = 20240229
	fuzzCases = 100_000
)

// part is a section of a container, apart from its place in it.
type part struct {
	id   uint32
	body []byte
}

func split(data []byte) (head []byte, parts []part) {
	for at := 12; at < len(data); {
		size := int(binary.LittleEndian.Uint64(data[at+4:]))
		parts = append(parts, part{binary.LittleEndian.Uint32(data[at:]), bytes.Clone(data[at+12 : at+12+size])})
		at += 12 + size
	}
	return bytes.Clone(data[:8]), parts
}

func join(head []byte, parts []part) []byte {
	out := le32(bytes.Clone(head), uint32(len(parts)))
	for _, p := range parts {
		out = append(binary.LittleEndian.AppendUint64(le32(out, p.id), uint64(len(p.body))), p.body...)
	}
	return out
}

// mutant changes a file: its sections so that lengths still fit, then perhaps its bytes.
func mutant(rng *rand.Rand, data []byte) []byte {
	head, parts := split(data)
	for range rng.IntN(4) {
		mutateParts(rng, &parts)
	}
	out := join(head, parts)
	if rng.IntN(2) == 0 {
		for range 1 + rng.IntN(3) {
			out = mutateBytes(rng, out)
		}
	}
	return out
}

func mutateParts(rng *rand.Rand, parts *[]part) {
	if len(*parts) == 0 {
		return
	}
	i, j := rng.IntN(len(*parts)), rng.IntN(len(*parts))
	p := &(*parts)[i]
	switch rng.IntN(8) {
	case 0:
		*parts = slices.Delete(*parts, i, i+1)
	case 1:
		*parts = append(*parts, part{p.id, bytes.Clone(p.body)})
	case 2: // any order of sections is well formed
		(*parts)[i], (*parts)[j] = (*parts)[j], (*parts)[i]
	case 3:
		p.id = uint32(rng.IntN(12))
	case 4:
		*parts = append(*parts, part{11 + rng.Uint32N(9), make([]byte, rng.IntN(40))})
	case 5: // a section longer or shorter by whole words
		if n := sizeF * rng.IntN(3); rng.IntN(2) == 0 && n <= len(p.body) {
			p.body = p.body[:len(p.body)-n]
		} else {
			p.body = append(p.body, make([]byte, n)...)
		}
	default:
		p.body = mutateBytes(rng, p.body)
	}
}

// edges are words at which lengths, counts and indices go wrong.
var edges = []uint32{0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 1 << 16, 1 << 27, 1 << 28, 1<<31 - 1, 1 << 31, 1<<32 - 1}

func mutateBytes(rng *rand.Rand, data []byte) []byte {
	if len(data) == 0 {
		return data
	}
	out := bytes.Clone(data)
	at := rng.IntN(len(out))
	word := at &^ 3
	switch rng.IntN(7) {
	case 0:
		out[at] ^= 1 << rng.IntN(8)
	case 1:
		out[at] = byte(rng.Uint32())
	case 2:
		return out[:at]
	case 3:
		return append(out, out[at:]...)
	case 4:
		copy(out[at:], out[rng.IntN(len(out)):])
	case 5:
		if word+4 <= len(out) {
			binary.LittleEndian.PutUint32(out[word:], edges[rng.IntN(len(edges))])
		}
	case 6:
		if word+sizeF <= len(out) {
			modulus := [2]*modulus{frModulus, fpModulus}[rng.IntN(2)]
			number := limbs(*modulus)
			number[0] += uint64(rng.IntN(3)) - 1
			copy(out[word:], appendLimbs(nil, number))
		}
	}
	return out
}

// readers parse a file and write again what they read: the error, or the bytes that must stand
// in the file's section.
var readers = map[string]func([]byte) (section uint32, again []byte, err error){
	"wtns": func(data []byte) (uint32, []byte, error) {
		witness, err := parseWtns(data, "f")
		var again []byte
		for i := range witness {
			again = appendLimbs(again, witness[i].Bits())
		}
		return 2, again, err
	},
	"r1cs": func(data []byte) (uint32, []byte, error) {
		r, err := parseR1cs(data, "f")
		if err != nil {
			return 0, nil, err
		}
		sides := make([][]term, 3*r.constraints)
		err = r.terms(func(t term) {
			at := 3*t.row + t.matrix
			sides[at] = append(sides[at], t)
		})
		var again []byte
		for _, side := range sides {
			again = le32(again, uint32(len(side)))
			for _, t := range side {
				again = appendLimbs(le32(again, t.wire), t.value.Bits())
			}
		}
		return r1csConstraints, again, err
	},
	"zkey": func(data []byte) (uint32, []byte, error) {
		k, err := parseZkey(data, "f")
		if err != nil {
			return 0, nil, err
		}
		again := appendPrime(appendPrime(nil, fpModulus), frModulus)
		again = le32(again, uint32(k.wires), uint32(k.public), uint32(k.domain))
		again = appendG1(again, g1(k.vk.alpha), g1(k.beta1))
		again = appendG2(again, g2(k.vk.beta), g2(k.vk.gamma))
		again = appendG1(again, g1(k.delta1))
		return zkeyHeader, appendG2(again, g2(k.vk.delta)), nil
	},
}

// judge fails the test unless the file was refused clearly or read as it stands.
func judge(t *testing.T, kind string, data []byte) (accepted bool) {
	t.Helper()
	section, again, err := readers[kind](data)
	if err != nil {
		if codeOf(t, err) != codeBadInput || len(err.Error()) < 10 {
			t.Fatalf("%s: no clear error: %v", kind, err)
		}
		return false
	}
	at := sectionAt(data, section)
	if size := int(binary.LittleEndian.Uint64(data[at-8:])); !bytes.Equal(data[at:at+size], again) {
		t.Fatalf("%s: read something else than stands in section %d of %x", kind, section, data)
	}
	return true
}

func TestMutatedFiles(t *testing.T) {
	for kind, data := range fixtures(t) {
		t.Run(kind, func(t *testing.T) {
			rng, accepted := rand.New(rand.NewPCG(fuzzSeed, uint64(kind[0]))), 0
			for range fuzzCases {
				if judge(t, kind, mutant(rng, data)) {
					accepted++
				}
			}
			if accepted < fuzzCases/100 || accepted > fuzzCases/2 {
				t.Errorf("%d of %d accepted: the mutations miss their aim", accepted, fuzzCases)
			}
			reportCases(kind, fuzzCases)
		})
	}
}

// TestMutatedKeysProveOnlyTruth proves with damaged keys that the parser takes: a proof is given
// out only if it verifies under the key's own verification key.
func TestMutatedKeysProveOnlyTruth(t *testing.T) {
	data := fixtures(t)["zkey"]
	rng, proofs, tried := rand.New(rand.NewPCG(fuzzSeed, 99)), 0, 0
	witness, err := parseWtns(goodWitness(), "f")
	if err != nil {
		t.Fatal(err)
	}
	for tried < 400 {
		key, err := parseZkey(mutant(rng, data), "f")
		if err != nil || len(witness) != key.wires || key.domain > 1<<16 {
			continue
		}
		tried++
		quotient, err := key.quotient(witness)
		if err != nil {
			t.Fatal(err)
		}
		p, err := key.prove(witness, quotient)
		if err != nil {
			codeOf(t, err)
			continue
		}
		if err := key.vk.verify(p, witness[1:key.public+1]); err == nil {
			proofs++
		} else if codeOf(t, err) != codeBadProof {
			t.Fatal(err)
		}
	}
	if proofs == 0 || proofs == tried {
		t.Errorf("%d of %d damaged keys gave a proof: the mutations miss their aim", proofs, tried)
	}
}

// reportCases tells tests/fuzz how many cases ran.
func reportCases(kind string, cases int) {
	fmt.Fprintf(os.Stderr, "fuzz %s %d\n", kind, cases)
}

// FuzzMutated lets Go's fuzzer choose seeds: `go test -fuzz FuzzMutated`.
func FuzzMutated(f *testing.F) {
	files := fixtures(f)
	f.Add(uint64(0), uint64(1))
	f.Fuzz(func(t *testing.T, kind, seed uint64) {
		name := []string{"r1cs", "wtns", "zkey"}[kind%3]
		judge(t, name, mutant(rand.New(rand.NewPCG(fuzzSeed, seed)), files[name]))
	})
}
