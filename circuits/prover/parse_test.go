package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// parsers run the whole check of a file, for tests that only care about errors.
var parsers = map[string]func([]byte) error{
	"r1cs": func(b []byte) error {
		r, err := parseR1cs(b, "f")
		if err == nil {
			err = r.terms(func(term) {})
		}
		return err
	},
	"wtns": func(b []byte) error { _, err := parseWtns(b, "f"); return err },
	"zkey": func(b []byte) error { _, err := parseZkey(b, "f"); return err },
}

func fixtures(t testing.TB) map[string][]byte {
	return map[string][]byte{"r1cs": fixtureR1cs(), "wtns": goodWitness(), "zkey": withKeys(t).read("a.zkey")}
}

func TestFixturesParse(t *testing.T) {
	for kind, data := range fixtures(t) {
		if err := parsers[kind](data); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for kind, data := range fixtures(t) {
		for n := range data {
			if err := parsers[kind](data[:n]); err == nil || codeOf(t, err) != codeBadInput {
				t.Fatalf("%s cut to %d bytes: %v", kind, n, err)
			}
		}
		if err := parsers[kind](append(bytes.Clone(data), 0)); err == nil {
			t.Errorf("%s with a byte too many was accepted", kind)
		}
	}
}

func TestFlippedBytesNeverPanic(t *testing.T) {
	for kind, data := range fixtures(t) {
		for n := range data {
			for _, flip := range []byte{1, 0x80, 0xff} {
				bad := bytes.Clone(data)
				bad[n] ^= flip
				if err := parsers[kind](bad); err != nil {
					codeOf(t, err)
				}
			}
		}
	}
}

// sectionAt returns the offset of a section's first byte.
func sectionAt(data []byte, id uint32) int {
	for at := 12; ; {
		size := int(binary.LittleEndian.Uint64(data[at+4:]))
		if binary.LittleEndian.Uint32(data[at:]) == id {
			return at + 12
		}
		at += 12 + size
	}
}

func TestMalformedFilesAreNamed(t *testing.T) {
	files := fixtures(t)
	modulus := appendLimbs(nil, limbs(*frModulus))
	put32 := func(at int, v uint32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
	}
	at := func(kind string, section uint32, offset int) int { return sectionAt(files[kind], section) + offset }
	for _, c := range []struct {
		kind, want string
		change     func([]byte)
	}{
		{"r1cs", "not a r1cs file", put32(0, 7)},
		{"r1cs", "version 2", put32(4, 2)},
		{"r1cs", "runs past the end", put32(8, 4)},
		{"r1cs", "does not match its 2 sections", put32(8, 2)},
		{"r1cs", "appears twice", put32(at("r1cs", 2, -12), 1)},
		{"r1cs", "section 3 is missing", put32(at("r1cs", 3, -12), 9)},
		{"r1cs", "runs past the end", put32(at("r1cs", 1, -8), 1<<31)},
		{"r1cs", "runs past the end", put32(at("r1cs", 1, -4), 1<<31)},
		{"r1cs", "not over BN254", put32(at("r1cs", 1, 4), 3)},
		{"r1cs", "not over BN254", put32(at("r1cs", 1, 0), 48)},
		{"r1cs", "cannot hold", put32(at("r1cs", 1, 40), 1<<32-1)},
		{"r1cs", "section 3 has 40 bytes", put32(at("r1cs", 1, 36), 1<<32-1)},
		{"r1cs", "too short for", put32(at("r1cs", 1, 60), 1<<32-1)},
		{"r1cs", "exactly", put32(at("r1cs", 1, 60), 1)},
		{"r1cs", "cut off", put32(len(files["r1cs"])-(12+8*5)-(2*36+4), 3)},
		{"r1cs", "names wire 5 of 5", put32(at("r1cs", 2, 4), 5)},
		{"r1cs", "beyond the field", func(b []byte) { copy(b[at("r1cs", 2, 8):], modulus) }},
		{"wtns", "not a wtns file", put32(0, 7)},
		{"wtns", "version 3", put32(4, 3)},
		{"wtns", "not over BN254", put32(at("wtns", 1, 8), 3)},
		{"wtns", "section 2 has 160 bytes instead of 192", put32(at("wtns", 1, 36), 6)},
		{"wtns", "word 2 is not below", func(b []byte) { copy(b[at("wtns", 2, 64):], modulus) }},
		{"wtns", "not the constant one", put32(at("wtns", 2, 0), 2)},
		{"zkey", "not a Groth16 key", put32(at("zkey", 1, 0), 2)},
		{"zkey", "not a key over BN254", put32(at("zkey", 2, 4), 3)},
		{"zkey", "not a key over BN254", put32(at("zkey", 2, 40), 3)},
		{"zkey", "impossible sizes", put32(at("zkey", 2, 76), 5)},
		{"zkey", "impossible sizes", put32(at("zkey", 2, 80), 3)},
		{"zkey", "impossible sizes", put32(at("zkey", 2, 80), 1<<31)},
		{"zkey", "section 5 has", put32(at("zkey", 2, 72), 6)},
		{"zkey", "section 9 has", put32(at("zkey", 2, 80), 1<<20)},
		{"zkey", "bad G1 point", put32(at("zkey", 2, 84), 3)},
		{"zkey", "not on the curve", put32(at("zkey", 2, 84+64), 3)},
		{"zkey", "bad G2 point", put32(at("zkey", 2, 84+128), 3)},
		{"zkey", "bad G1 point", func(b []byte) { clear(b[at("zkey", 3, 0):at("zkey", 3, 64)]) }},
		{"zkey", "beyond the field", put32(at("zkey", 3, 28), 1<<32-1)},
		{"zkey", "coefficients exactly", put32(at("zkey", 4, 0), 1<<32-1)},
		{"zkey", "coefficient 0 is out of range", put32(at("zkey", 4, 4), 2)},
		{"zkey", "coefficient 0 is out of range", put32(at("zkey", 4, 8), 8)},
		{"zkey", "coefficient 0 is out of range", put32(at("zkey", 4, 12), 5)},
		{"zkey", "coefficient 0 is out of range", func(b []byte) { copy(b[at("zkey", 4, 16):], modulus) }},
	} {
		bad := bytes.Clone(files[c.kind])
		c.change(bad)
		if err := parsers[c.kind](bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: wanted %q, got %v", c.kind, c.want, err)
		}
	}
}

func TestPointBeyondFieldStopsTheProof(t *testing.T) {
	f := withKeys(t)
	data := f.read("a.zkey")
	binary.LittleEndian.PutUint32(data[sectionAt(data, zkeyH)+28:], 1<<32-1)
	code, out, errs := f.run(goodWitness(), "prove", "--zkey", f.write("bad.zkey", data), "--wtns", "-")
	if code != codeBadInput || out != "" || !strings.Contains(errs, "beyond the field") {
		t.Fatal(code, errs)
	}
}

func TestDamagedPointStopsTheProof(t *testing.T) {
	f := withKeys(t)
	for _, section := range []uint32{zkeyA, zkeyB1, zkeyB2, zkeyC, zkeyH} {
		data := f.read("a.zkey")
		for i := sectionAt(data, section); i < len(data) && i < sectionAt(data, section)+256; i += 32 {
			data[i] ^= 1
		}
		code, out, _ := f.run(goodWitness(), "prove", "--zkey", f.write("bad.zkey", data), "--wtns", "-")
		if code == 0 || out != "" {
			t.Errorf("section %d: a damaged key made a proof", section)
		}
	}
}

func TestJSONNumbersHaveOneSpelling(t *testing.T) {
	over := new(fp.Element).SetInt64(-1).String()
	for _, s := range []string{"", "-1", "+1", "01", "0x1", "1.0", " 1", strings.Repeat("1", 99)} {
		if _, ok := canonical(s, fr.Modulus()); ok {
			t.Errorf("%q was accepted", s)
		}
	}
	if _, err := decodePublics([]string{"0", fr.Modulus().String()}, "f"); err == nil || codeOf(t, err) != codeBadProof {
		t.Error("a public signal equal to r was accepted:", err)
	}
	if _, err := (jsonG1{fp.Modulus().String(), "1", "1"}).point(); err == nil {
		t.Error("a coordinate equal to q was accepted")
	}
	if _, err := (jsonG1{over, "1", "0"}).point(); err == nil {
		t.Error("a point with z = 0 was accepted")
	}
}

func TestBadVerificationKeysRefused(t *testing.T) {
	f := withKeys(t)
	for want, change := range map[string]func(map[string]any){
		"not a groth16 key": func(m map[string]any) { m["protocol"] = "plonk" },
		"over bn128":        func(m map[string]any) { m["curve"] = "bls12381" },
		"nPublic + 1":       func(m map[string]any) { m["nPublic"] = -1; m["IC"] = []any{} },
		"not a decimal":     func(m map[string]any) { m["vk_alpha_1"].([]any)[0] = "x" },
		"bad G1 point":      func(m map[string]any) { m["vk_alpha_1"].([]any)[0] = "5" },
		"bad G2 point":      func(m map[string]any) { m["vk_beta_2"].([]any)[0] = []string{"5", "6"} },
		"delta = gamma":     func(m map[string]any) { m["vk_delta_2"] = m["vk_gamma_2"] },
		"not the expected":  func(m map[string]any) { m["IC"] = 4 },
	} {
		var m map[string]any
		if err := json.Unmarshal(f.read("a.vkey.json"), &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		text, _ := json.Marshal(m)
		_, err := readVerifyingKey(f.write("bad.json", text))
		if err == nil || codeOf(t, err) != codeBadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("wanted %q, got %v", want, err)
		}
	}
}

func TestMissingAndEmptyFiles(t *testing.T) {
	f := newFolder(t)
	for _, path := range []string{f.file("none"), f.write("empty", nil), f.path} {
		if _, err := mapFile(path); err == nil || codeOf(t, err) != codeBadInput {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	f := newFolder(t)
	path := f.write("key", []byte("old"))
	err := writeJSON(path, func() {}) // a function has no JSON
	if err == nil || string(f.read("key")) != "old" {
		t.Fatal(err)
	}
	if err := writeJSON(f.file("no/such/folder"), 1); err == nil || codeOf(t, err) != codeBadInput {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(f.path); len(left) != 1 {
		t.Fatalf("temporary files were left: %v", left)
	}
}

func FuzzR1cs(f *testing.F) { fuzz(f, "r1cs") }
func FuzzWtns(f *testing.F) { fuzz(f, "wtns") }
func FuzzZkey(f *testing.F) { fuzz(f, "zkey") }

func fuzz(f *testing.F, kind string) {
	f.Add(fixtures(f)[kind])
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := parsers[kind](data); err != nil {
			codeOf(t, err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	keys := withKeys(f)
	_, out, _ := keys.run(goodWitness(), "prove", "--zkey", keys.file("a.zkey"), "--wtns", "-")
	f.Add(keys.read("a.vkey.json"))
	f.Add([]byte(out))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := newFolder(t).write("f.json", data)
		if _, err := readVerifyingKey(path); err != nil {
			codeOf(t, err)
		}
		if _, _, err := readProof(path, ""); err != nil {
			codeOf(t, err)
		}
	})
}
