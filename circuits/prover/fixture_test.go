package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// The circuit of these tests: wires (1, z, x, y, t); y·y = t and t·x + 5 = z, z and x public.
var fixtureRows = [][3][]entry{
	{{{3, 1}}, {{3, 1}}, {{4, 1}}},
	{{{4, 1}}, {{2, 1}}, {{1, 1}, {0, -5}}},
}

type entry struct {
	wire  uint32
	value int64
}

const fixtureSeed = "00112233445566778899aabbccddeeff"

func le32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func fileOf(magic string, version uint32, sections ...[]byte) []byte {
	out := le32([]byte(magic), version, uint32(len(sections)))
	for i, s := range sections {
		out = append(binary.LittleEndian.AppendUint64(le32(out, uint32(i+1)), uint64(len(s))), s...)
	}
	return out
}

func plain(b []byte, v int64) []byte {
	var e fr.Element
	e.SetInt64(v)
	return appendLimbs(b, e.Bits())
}

func fixtureR1cs() []byte {
	header := le32(appendPrime(nil, frModulus), 5, 1, 1, 1)
	header = le32(binary.LittleEndian.AppendUint64(header, 5), uint32(len(fixtureRows)))
	var body []byte
	for _, row := range fixtureRows {
		for _, side := range row {
			body = le32(body, uint32(len(side)))
			for _, e := range side {
				body = plain(le32(body, e.wire), e.value)
			}
		}
	}
	return fileOf("r1cs", 1, header, body, make([]byte, 8*5))
}

func fixtureWtns(values ...int64) []byte {
	var body []byte
	for _, v := range values {
		body = plain(body, v)
	}
	return fileOf("wtns", 2, le32(appendPrime(nil, frModulus), uint32(len(values))), body)
}

// goodWitness has x = 7 and y = 3.
func goodWitness() []byte { return fixtureWtns(1, 68, 7, 3, 9) }

type folder struct {
	t    testing.TB
	path string
}

func newFolder(t testing.TB) folder { return folder{t, t.TempDir()} }

func (f folder) file(name string) string { return filepath.Join(f.path, name) }

func (f folder) write(name string, data []byte) string {
	f.t.Helper()
	if err := os.WriteFile(f.file(name), data, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f.file(name)
}

func (f folder) read(name string) []byte {
	f.t.Helper()
	data, err := os.ReadFile(f.file(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

// withKeys holds a.r1cs, a.zkey and a.vkey.json of the fixture circuit.
func withKeys(t testing.TB) folder {
	t.Helper()
	f := newFolder(t)
	f.write("a.r1cs", fixtureR1cs())
	f.mustRun("setup", "--r1cs", f.file("a.r1cs"), "--zkey", f.file("a.zkey"),
		"--vkey", f.file("a.vkey.json"), "--seed", fixtureSeed)
	return f
}

func (f folder) run(stdin []byte, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(args, bytes.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func (f folder) mustRun(args ...string) string {
	f.t.Helper()
	code, out, errs := f.run(nil, args...)
	if code != 0 {
		f.t.Fatalf("%v: exit %d: %s", args, code, errs)
	}
	return out
}

func codeOf(t testing.TB, err error) int {
	t.Helper()
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		t.Fatalf("not a failure: %v", err)
	}
	return f.code
}
