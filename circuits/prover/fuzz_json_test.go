package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

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
			reportCases(name+"_json", fuzzCases)
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
