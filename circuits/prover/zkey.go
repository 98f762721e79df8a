package main

import (
	"encoding/binary"
	"io"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Sections of a snarkjs zkey, as its zkey_utils describes them. A coefficient v is stored
// as the words of v·2^512 mod r ("doubly Montgomery"), a coordinate as those of x·2^256 mod q.
const (
	zkeyProtocol = 1 + iota
	zkeyHeader
	zkeyIC
	zkeyCoefficients
	zkeyA
	zkeyB1
	zkeyB2
	zkeyC
	zkeyH
	zkeyContributions
	zkeySections = zkeyContributions
)

const (
	sizeCoefficient = 3*4 + sizeF
	sizeHeader      = 2*(4+sizeF) + 3*4 + 3*sizeG1 + 3*sizeG2
	sizeCircuitHash = 64
	protocolGroth16 = 1
)

// zkey is a Groth16 proving key. Its point sections stay encoded; h holds the Lagrange basis
// on the odd coset (the odd powers of the root of unity of order 2·domain), over delta.
type zkey struct {
	name                  string
	size                  int
	wires, public, domain int
	constraints           int
	contributions         int
	beta1, delta1         bn254.G1Affine
	vk                    verifyingKey
	coefficients          []byte
	a, b1, b2, c, h       []byte
}

// parseZkey checks a zkey: primes, the length of every section, every index and coefficient,
// and that the verification key's points are on the curve and in the subgroup. The points of
// sections 5 to 9 are checked by what they are for: no proof leaves that does not verify.
func parseZkey(data []byte, name string) (*zkey, error) {
	file, err := parseContainer(data, name, "zkey", 2)
	if err != nil {
		return nil, err
	}
	protocol, err := file.section(zkeyProtocol, 4)
	if err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(protocol) != protocolGroth16 {
		return nil, badInput("%s: not a Groth16 key; make one with `setup` or `snarkjs groth16 setup`", name)
	}
	k := &zkey{name: name, size: len(data)}
	if err := k.parseHeader(file); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		id   uint32
		size int
		into *[]byte
	}{
		{zkeyA, k.wires * sizeG1, &k.a}, {zkeyB1, k.wires * sizeG1, &k.b1},
		{zkeyB2, k.wires * sizeG2, &k.b2}, {zkeyC, (k.wires - k.public - 1) * sizeG1, &k.c},
		{zkeyH, k.domain * sizeG1, &k.h},
	} {
		if *s.into, err = file.section(s.id, int64(s.size)); err != nil {
			return nil, err
		}
	}
	if err := k.parseIC(file); err != nil {
		return nil, err
	}
	if err := k.parseCoefficients(file); err != nil {
		return nil, err
	}
	history, err := file.section(zkeyContributions, -1)
	if err != nil {
		return nil, err
	}
	if len(history) < sizeCircuitHash+4 {
		return nil, badInput("%s: section %d is too short; make the key again", name, zkeyContributions)
	}
	k.contributions = int(binary.LittleEndian.Uint32(history[sizeCircuitHash:]))
	return k, k.vk.check(name)
}

func (k *zkey) parseHeader(file *container) error {
	header, err := file.section(zkeyHeader, sizeHeader)
	if err != nil {
		return err
	}
	c := cursor{rest: header}
	if !c.prime(fpModulus) || !c.prime(frModulus) {
		return badInput("%s: not a key over BN254; make it for curve bn128", k.name)
	}
	k.wires, k.public, k.domain = int(c.u32()), int(c.u32()), int(c.u32())
	if k.wires < k.public+1 || k.wires > maxDomain || k.domain < 2 || k.domain > maxDomain || k.domain&(k.domain-1) != 0 {
		return badInput("%s: impossible sizes (%d wires, %d public, domain %d); make the key again",
			k.name, k.wires, k.public, k.domain)
	}
	below := decodeG1(c.take(sizeG1), &k.vk.alpha) && decodeG1(c.take(sizeG1), &k.beta1) &&
		decodeG2(c.take(sizeG2), &k.vk.beta) && decodeG2(c.take(sizeG2), &k.vk.gamma) &&
		decodeG1(c.take(sizeG1), &k.delta1) && decodeG2(c.take(sizeG2), &k.vk.delta)
	if !below || !k.beta1.IsOnCurve() || !k.delta1.IsOnCurve() {
		return badInput("%s: the header holds a point that is not on the curve; make the key again", k.name)
	}
	return nil
}

func (k *zkey) parseIC(file *container) error {
	body, err := file.section(zkeyIC, int64(k.public+1)*sizeG1)
	if err != nil {
		return err
	}
	k.vk.ic = make([]bn254.G1Affine, k.public+1)
	for i := range k.vk.ic {
		if !decodeG1(body[sizeG1*i:], &k.vk.ic[i]) {
			return badInput("%s: IC %d has a coordinate beyond the field; make the key again", k.name, i)
		}
	}
	return nil
}

func (k *zkey) parseCoefficients(file *container) error {
	body, err := file.section(zkeyCoefficients, -1)
	if err != nil {
		return err
	}
	c := cursor{rest: body}
	count := int(c.u32())
	if c.short || len(c.rest) != count*sizeCoefficient {
		return badInput("%s: section %d does not hold %d coefficients exactly; make the key again",
			k.name, zkeyCoefficients, count)
	}
	k.coefficients = c.rest
	last := 0
	for i := range count {
		t, ok := k.coefficient(i)
		if !ok || t.matrix > 1 || int(t.row) >= k.domain || int(t.wire) >= k.wires {
			return badInput("%s: coefficient %d is out of range; make the key again", k.name, i)
		}
		last = max(last, int(t.row))
	}
	// The last rows bind the public wires and the one (r1cs.bindingTerms).
	if k.constraints = last - k.public; k.constraints < 0 {
		return badInput("%s: its public inputs are not bound; make the key again", k.name)
	}
	return nil
}

// montgomery is 2^256 mod r, the factor between a zkey's coefficients and fr.Element.
var montgomery = *new(fr.Element).Exp(fr.NewElement(2), big.NewInt(256))

// coefficient decodes one entry of A or B. Its value reads as v·2^256, for what is stored is
// v·2^512 and fr.Element takes off one factor; false where it is not below the modulus.
func (k *zkey) coefficient(i int) (term, bool) {
	b := k.coefficients[i*sizeCoefficient : (i+1)*sizeCoefficient]
	value := loadLimbs(b[12:])
	return term{
		binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]),
		binary.LittleEndian.Uint32(b[8:]), fr.Element(value),
	}, frModulus.holds(value)
}

// matrixOf is coefficient(i).matrix, for a fraction of the time.
func (k *zkey) matrixOf(i int) uint32 {
	return binary.LittleEndian.Uint32(k.coefficients[i*sizeCoefficient:])
}

func (k *zkey) coefficientCount() int { return len(k.coefficients) / sizeCoefficient }

type (
	g1 = point[fp.Element]
	g2 = point[bn254.E2]
)

// keyPoints is everything a zkey holds besides its coefficients, as setup computes it.
type keyPoints struct {
	wires, public, domain int
	alpha, beta1, delta1  g1
	beta2, gamma2, delta2 g2
	ic, a, b1, c, h       []g1
	b2                    []g2
	circuitHash           [sizeCircuitHash]byte
}

// writeZkey writes version 1 of the format with sections 1 to 10 in order and no contribution.
func writeZkey(w io.Writer, k *keyPoints, coefficients []byte) error {
	header := appendPrime(appendPrime(nil, fpModulus), frModulus)
	for _, n := range []int{k.wires, k.public, k.domain} {
		header = binary.LittleEndian.AppendUint32(header, uint32(n))
	}
	header = appendG1(header, k.alpha, k.beta1)
	header = appendG2(header, k.beta2, k.gamma2)
	header = appendG1(header, k.delta1)
	header = appendG2(header, k.delta2)
	count := binary.LittleEndian.AppendUint32(nil, uint32(len(coefficients)/sizeCoefficient))
	none := binary.LittleEndian.AppendUint32(k.circuitHash[:], 0)

	start := append([]byte("zkey"), 1, 0, 0, 0, zkeySections, 0, 0, 0)
	if _, err := w.Write(start); err != nil {
		return err
	}
	for i, parts := range [zkeySections][][]byte{
		{{protocolGroth16, 0, 0, 0}}, {header}, {appendG1(nil, k.ic...)}, {count, coefficients},
		{appendG1(nil, k.a...)}, {appendG1(nil, k.b1...)}, {appendG2(nil, k.b2...)},
		{appendG1(nil, k.c...)}, {appendG1(nil, k.h...)}, {none},
	} {
		if err := writeSection(w, uint32(i+1), parts); err != nil {
			return err
		}
	}
	return nil
}

func writeSection(w io.Writer, id uint32, parts [][]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	head := binary.LittleEndian.AppendUint32(nil, id)
	head = binary.LittleEndian.AppendUint64(head, uint64(size))
	for _, p := range append([][]byte{head}, parts...) {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func appendPrime(b []byte, m *modulus) []byte {
	return appendLimbs(binary.LittleEndian.AppendUint32(b, sizeF), limbs(*m))
}

func appendG1(b []byte, points ...g1) []byte {
	for i := range points {
		b = appendLimbs(appendLimbs(b, points[i].X), points[i].Y)
	}
	return b
}

func appendG2(b []byte, points ...g2) []byte {
	for i := range points {
		p := &points[i]
		b = appendLimbs(appendLimbs(appendLimbs(appendLimbs(b, p.X.A0), p.X.A1), p.Y.A0), p.Y.A1)
	}
	return b
}
