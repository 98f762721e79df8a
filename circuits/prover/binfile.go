package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"syscall"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Bytes of one field element, one G1 point and one G2 point in iden3's files.
const (
	sizeF  = 32
	sizeG1 = 2 * sizeF
	sizeG2 = 4 * sizeF
)

// limbs is a 256-bit number, lowest word first.
type limbs = [4]uint64

type modulus limbs

var (
	frModulus = newModulus(fr.Modulus().FillBytes)
	fpModulus = newModulus(fp.Modulus().FillBytes)
)

func newModulus(fill func([]byte) []byte) *modulus {
	var m modulus
	b := fill(make([]byte, sizeF))
	for i := range m {
		m[i] = binary.BigEndian.Uint64(b[sizeF-8*(i+1):])
	}
	return &m
}

func loadLimbs(b []byte) (l limbs) {
	_ = b[sizeF-1]
	for i := range l {
		l[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return l
}

func appendLimbs(b []byte, l limbs) []byte {
	for _, w := range l {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func addLimbs(a, b limbs) (sum limbs) {
	var carry uint64
	for i := range a {
		sum[i], carry = bits.Add64(a[i], b[i], carry)
	}
	return sum
}

// holds says whether a number is canonical, that is below the modulus.
func (m *modulus) holds(l limbs) bool {
	var borrow uint64
	for i := range l {
		_, borrow = bits.Sub64(l[i], m[i], borrow)
	}
	return borrow == 1
}

// container is iden3's binary file: a magic word, a version and sections.
type container struct {
	name     string
	sections map[uint32][]byte
}

// parseContainer splits a file into its sections; it refuses duplicate sections, sections
// that reach beyond the end, and bytes that belong to none.
func parseContainer(data []byte, name, magic string, maxVersion uint32) (*container, error) {
	c := cursor{rest: data}
	if string(c.take(4)) != magic {
		return nil, badInput("%s: not a %s file; give the file that the right tool wrote", name, magic)
	}
	version, count := c.u32(), c.u32()
	if version == 0 || version > maxVersion {
		return nil, badInput("%s: %s version %d is not supported; at most %d is", name, magic, version, maxVersion)
	}
	file := &container{name, map[uint32][]byte{}}
	for range count {
		id, size := c.u32(), c.u64()
		if c.short || size > uint64(len(c.rest)) {
			return nil, badInput("%s: section %d runs past the end of the file; it is truncated, make it again", name, id)
		}
		if _, twice := file.sections[id]; twice {
			return nil, badInput("%s: section %d appears twice; make the file again", name, id)
		}
		file.sections[id] = c.take(int(size))
	}
	if len(c.rest) != 0 || c.short {
		return nil, badInput("%s: file length does not match its %d sections; make it again", name, count)
	}
	return file, nil
}

// section returns a section that must exist; size < 0 means any length.
func (f *container) section(id uint32, size int64) ([]byte, error) {
	s, ok := f.sections[id]
	if !ok {
		return nil, badInput("%s: section %d is missing; make the file again", f.name, id)
	}
	if size >= 0 && int64(len(s)) != size {
		return nil, badInput("%s: section %d has %d bytes instead of %d; make the file again", f.name, id, len(s), size)
	}
	return s, nil
}

// cursor reads little-endian words; once short it returns zeros and stays short.
type cursor struct {
	rest  []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.short, c.rest = true, nil
		return make([]byte, min(n, sizeG2))
	}
	head := c.rest[:n:n]
	c.rest = c.rest[n:]
	return head
}

func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

// prime reads a length-prefixed modulus and says whether it is the expected one.
func (c *cursor) prime(want *modulus) bool {
	return c.u32() == sizeF && modulus(loadLimbs(c.take(sizeF))) == *want
}

// decodeFp reads a coordinate in Montgomery form; false where it is not below the modulus.
func decodeFp(b []byte, out *fp.Element) bool {
	*out = fp.Element(loadLimbs(b))
	return fpModulus.holds(*out)
}

func decodeG1(b []byte, p *bn254.G1Affine) bool {
	return decodeFp(b, &p.X) && decodeFp(b[sizeF:], &p.Y)
}

func decodeG2(b []byte, p *bn254.G2Affine) bool {
	return decodeFp(b, &p.X.A0) && decodeFp(b[sizeF:], &p.X.A1) &&
		decodeFp(b[2*sizeF:], &p.Y.A0) && decodeFp(b[3*sizeF:], &p.Y.A1)
}

// mapFile maps a file read-only for as long as the process lives.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, badInput("cannot read %s: %v", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, badInput("%s is empty or not a regular file; give a complete file", path)
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, badInput("cannot map %s: %v", path, err)
	}
	return data, nil
}

// writeAtomically lets write fill a temporary file beside path, then renames it, so that
// nobody ever reads half a key.
func writeAtomically(path string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return badInput("cannot write %s: %v", path, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	buffered := bufio.NewWriterSize(tmp, 1<<20)
	for _, step := range []func() error{
		func() error { return write(buffered) }, buffered.Flush,
		func() error { return tmp.Chmod(0o644) }, tmp.Sync, tmp.Close,
		func() error { return os.Rename(tmp.Name(), path) },
	} {
		if err := step(); err != nil {
			return badInput("cannot write %s: %v", path, err)
		}
	}
	return nil
}
