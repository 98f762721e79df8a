package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
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
var edges = []uint32{0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 1 << 16, 1<<27 - 1, 1 << 27, 1 << 28, 1<<31 - 1, 1 << 31, 1<<32 - 1}

func mutateBytes(rng *rand.Rand, data []byte) []byte {
	if len(data) < 1 {
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
			reportCases(t, kind, fuzzCases)
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

// TestMutatedJSON mutates the values of a verification key and a proof, and their text.
func TestMutatedJSON(t *testing.T) {
	f := withKeys(t)
	_, out, _ := f.run(goodWitness(), "prove", "--zkey", f.file("a.zkey"), "--wtns", "-")
	var key map[string]any
	if err := json.Unmarshal(f.read("a.vkey.json"), &key); err != nil {
		t.Fatal(err)
	}
	delete(key, "vk_alphabeta_12") // never relied on, and most of the text
	vkey, _ := json.Marshal(key)
	for name, c := range map[string]struct {
		text []byte
		read func(text []byte) (any, error)
	}{
		"vkey": {vkey, func(text []byte) (any, error) {
			var j vkeyJSON
			if err := parseJSON(text, "f", &j); err != nil {
				return nil, err
			}
			vk, err := j.decode("f")
			if err != nil {
				return nil, err
			}
			again := vkeyJSON{NPublic: len(vk.ic) - 1, Alpha: toJSONG1(&vk.alpha)}
			again.Beta, again.Gamma, again.Delta = toJSONG2(&vk.beta), toJSONG2(&vk.gamma), toJSONG2(&vk.delta)
			for i := range vk.ic {
				again.IC = append(again.IC, toJSONG1(&vk.ic[i]))
			}
			return again, nil
		}},
		"proof": {[]byte(out), func(text []byte) (any, error) {
			var b bundleJSON
			if err := parseJSON(text, "f", &b); err != nil {
				return nil, err
			}
			p, publics, err := b.decode("f", "f")
			if err != nil {
				return nil, err
			}
			again := bundleJSON{p.encode(), []string{}}
			for i := range publics {
				again.Publics = append(again.Publics, bigOf(&publics[i]).String())
			}
			return again, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rng, accepted := rand.New(rand.NewPCG(fuzzSeed, uint64(name[0]))), 0
			for range fuzzCases {
				text := mutateText(t, rng, c.text)
				read, err := c.read(text)
				if err != nil {
					codeOf(t, err)
					continue
				}
				accepted++
				judgeJSON(t, name, text, read)
			}
			if accepted < fuzzCases/100 || accepted > fuzzCases/2 {
				t.Errorf("%d of %d accepted: the mutations miss their aim", accepted, fuzzCases)
			}
			reportCases(t, name+"_json", fuzzCases)
		})
	}
}

// judgeJSON demands that every number read is the one that the text spells.
func judgeJSON(t *testing.T, name string, text []byte, read any) {
	t.Helper()
	var want, got vkeyOrProof
	again, _ := json.Marshal(read)
	if json.Unmarshal(text, &want) != nil || json.Unmarshal(again, &got) != nil || fmt.Sprint(want) != fmt.Sprint(got) {
		t.Fatalf("%s: read something else than\n%s\nwhich is\n%s", name, text, again)
	}
}

// vkeyOrProof is what a reader takes of either file; vk_alphabeta_12 and marks are for people.
type vkeyOrProof struct {
	NPublic int      `json:"nPublic"`
	Alpha   jsonG1   `json:"vk_alpha_1"`
	Beta    jsonG2   `json:"vk_beta_2"`
	Gamma   jsonG2   `json:"vk_gamma_2"`
	Delta   jsonG2   `json:"vk_delta_2"`
	IC      []jsonG1 `json:"IC"`
	Proof   struct {
		A jsonG1 `json:"pi_a"`
		B jsonG2 `json:"pi_b"`
		C jsonG1 `json:"pi_c"`
	} `json:"proof"`
	Publics []string `json:"publicSignals"`
}

func mutateText(t *testing.T, rng *rand.Rand, text []byte) []byte {
	if rng.IntN(3) == 0 {
		return mutateBytes(rng, text)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	for range 1 + rng.IntN(3) {
		value = mutateValue(rng, value)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// mutateValue changes one place of a JSON value, chosen on the way down.
func mutateValue(rng *rand.Rand, value any) any {
	if rng.IntN(8) == 0 {
		return json.RawMessage(oddValues[rng.IntN(len(oddValues))])
	}
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 {
			return v
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		name := names[rng.IntN(len(names))]
		if rng.IntN(12) == 0 {
			delete(v, name)
		} else {
			v[name] = mutateValue(rng, v[name])
		}
	case []any:
		if len(v) == 0 {
			return v
		}
		i := rng.IntN(len(v))
		switch rng.IntN(12) {
		case 0:
			return slices.Delete(v, i, i+1)
		case 1:
			return append(v, v[i])
		default:
			v[i] = mutateValue(rng, v[i])
		}
	}
	return value
}

// oddValues are JSON texts of the wrong type, range or spelling.
var oddValues = []string{
	`null`, `true`, `0`, `1`, `-1`, `1e300`, `""`, `"0"`, `"1"`, `"-1"`, `"01"`, `"0x1"`, `"1e3"`, `"١"`, `"\u0000"`,
	`"1 "`, `"` + fr.Modulus().String() + `"`, `"` + new(fr.Element).SetInt64(-1).String() + `"`, `[]`, `["1"]`, `{}`,
	`["1", "2", "1"]`, `[["1", "0"], ["1", "0"], ["1", "0"]]`,
}

// reportCases tells the caller, where it asks, how many cases ran.
func reportCases(t *testing.T, kind string, cases int) {
	t.Helper()
	fmt.Fprintf(os.Stderr, "fuzz %s %d\n", kind, cases)
}

// FuzzMutated lets Go's fuzzer choose seeds: `go test -fuzz FuzzMutated`.
func FuzzMutated(f *testing.F) {
	files := fixtures(f)
	for i := range uint64(3) {
		f.Add(i, i)
	}
	f.Fuzz(func(t *testing.T, kind, seed uint64) {
		name := []string{"r1cs", "wtns", "zkey"}[kind%3]
		judge(t, name, mutant(rand.New(rand.NewPCG(fuzzSeed, seed)), files[name]))
	})
}
