package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
)

// developmentMarker is hashed to the alpha of every key that setup makes, and stands where a
// ceremony's key holds its circuit hash. No later contribution changes either.
const developmentMarker = "shadowpool development key, never for production"

// hashDomain separates this program's hashes to the field (RFC 9380, SHA-256) from others.
const hashDomain = "shadowpool/prover"

// secrets are the trapdoors of a key: whoever knows them can forge proofs.
type secrets struct{ tau, alpha, beta, delta fr.Element }

// newSecrets draws tau, beta and delta at random, or derives them from a seed (golden tests
// only: such a key is as secret as its seed). alpha is public by design: vk_alpha_1 is then
// one known point, which deployment refuses.
func newSecrets(seed []byte) (*secrets, error) {
	alpha, err := developmentScalar()
	if err != nil {
		return nil, err
	}
	s := &secrets{alpha: alpha}
	if seed == nil {
		for _, e := range []*fr.Element{&s.tau, &s.beta, &s.delta} {
			if _, err := e.SetRandom(); err != nil {
				return nil, fmt.Errorf("the system's random source failed: %w; nothing was written", err)
			}
		}
		return s, nil
	}
	derived, err := fr.Hash(seed, []byte(hashDomain+"/seed"), 3)
	if err != nil {
		return nil, err
	}
	s.tau, s.beta, s.delta = derived[0], derived[1], derived[2]
	return s, nil
}

func developmentScalar() (fr.Element, error) {
	alpha, err := fr.Hash([]byte(developmentMarker), []byte(hashDomain), 1)
	if err != nil {
		return fr.Element{}, err
	}
	return alpha[0], nil
}

// developmentAlpha is the vk_alpha_1 of every development key.
func developmentAlpha() (bn254.G1Affine, error) {
	alpha, err := developmentScalar()
	return bn254.G1Affine(timesG1(&alpha)), err
}

// polynomials holds, for every wire, the values of its three polynomials at tau.
type polynomials struct{ a, b, c []fr.Element }

// setup reads an r1cs and writes a development zkey and its verification key.
func setup(r1csPath, zkeyPath, vkeyPath string, seed []byte, progress io.Writer) (any, error) {
	start := time.Now()
	data, err := mapFile(r1csPath)
	if err != nil {
		return nil, err
	}
	circuit, err := parseR1cs(data, r1csPath)
	if err != nil {
		return nil, err
	}
	trapdoor, err := newSecrets(seed)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "setup: %d constraints, %d wires\n", circuit.constraints, circuit.wires)
	key, coefficients, err := makeKey(circuit, trapdoor)
	if err != nil {
		return nil, err
	}
	err = writeAtomically(zkeyPath, func(w io.Writer) error { return writeZkey(w, key, coefficients) })
	if err != nil {
		return nil, err
	}
	vk := key.verifyingKey()
	encoded, err := vk.encode()
	if err != nil {
		return nil, err
	}
	if err := writeJSON(vkeyPath, encoded); err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	fmt.Fprintf(progress, "setup: done in %.2f s\n", seconds)
	return map[string]any{
		"constraints": circuit.constraints, "nPublic": key.public, "domain": key.domain,
		"circuitId": vk.circuitID(), "seconds": round(seconds),
	}, nil
}

// makeKey computes a Groth16 key with gamma = 1 (Groth 2016, section 3.2).
func makeKey(circuit *r1cs, s *secrets) (*keyPoints, []byte, error) {
	domain, err := circuit.domain()
	if err != nil {
		return nil, nil, err
	}
	lagrange, odd, err := lagrangeAt(s.tau, domain)
	if err != nil {
		return nil, nil, err
	}
	polys, coefficients, err := evaluate(circuit, lagrange)
	if err != nil {
		return nil, nil, err
	}
	var overDelta fr.Element
	overDelta.Inverse(&s.delta)
	mixed := make([]fr.Element, circuit.wires) // beta·A + alpha·B + C
	for i := range mixed {
		var t fr.Element
		mixed[i].Mul(&s.beta, &polys.a[i])
		mixed[i].Add(&mixed[i], t.Mul(&s.alpha, &polys.b[i]))
		mixed[i].Add(&mixed[i], &polys.c[i])
		if i > circuit.public {
			mixed[i].Mul(&mixed[i], &overDelta)
		}
	}
	for i := range odd {
		odd[i].Mul(&odd[i], &overDelta)
	}
	n := circuit.wires
	inG1 := baseG1(3*n + domain)
	inG2 := baseG2(n)
	mixedG1 := inG1.mul(mixed)
	b1 := inG1.mul(polys.b)
	key := &keyPoints{
		wires: n, public: circuit.public, domain: domain,
		alpha: timesG1(&s.alpha), beta1: timesG1(&s.beta), delta1: timesG1(&s.delta),
		beta2: timesG2(&s.beta), gamma2: generatorG2(), delta2: timesG2(&s.delta),
		ic: mixedG1[:circuit.public+1], c: mixedG1[circuit.public+1:],
		a: inG1.mul(polys.a), b1: b1, b2: inG2.mul(polys.b), h: inG1.mul(odd),
	}
	copy(key.circuitHash[:], developmentMarker)
	return key, coefficients, nil
}

// evaluate sums every wire's column at tau, and encodes A and B for the zkey on the way.
func evaluate(circuit *r1cs, lagrange []fr.Element) (*polynomials, []byte, error) {
	n := circuit.wires
	p := &polynomials{make([]fr.Element, n), make([]fr.Element, n), make([]fr.Element, n)}
	columns := [3][]fr.Element{p.a, p.b, p.c}
	coefficients := make([]byte, 0, len(circuit.body)+(circuit.public+1)*sizeCoefficient)
	visit := func(t term) {
		var product fr.Element
		product.Mul(&t.value, &lagrange[t.row])
		column := &columns[t.matrix][t.wire]
		column.Add(column, &product)
		if t.matrix < 2 {
			coefficients = appendCoefficient(coefficients, t)
		}
	}
	if err := circuit.terms(visit); err != nil {
		return nil, nil, err
	}
	circuit.bindingTerms(visit)
	return p, coefficients, nil
}

// appendCoefficient writes one entry; a value's limbs already are v·2^256.
func appendCoefficient(b []byte, t term) []byte {
	for _, n := range []uint32{t.matrix, t.row, t.wire} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return appendLimbs(b, *t.value.Mul(&t.value, &montgomery))
}

// lagrangeAt returns, at tau, the n Lagrange polynomials of the domain of size n, and the odd
// ones of the domain of size 2n: L_i(tau) = w^i·(tau^m − 1) / (m·(tau − w^i)), w of order m.
func lagrangeAt(tau fr.Element, n int) (basis, odd []fr.Element, err error) {
	root, err := fft.Generator(uint64(2 * n))
	if err != nil {
		return nil, nil, err
	}
	m := 2 * n
	all := make([]fr.Element, m) // tau − w^i
	powers := make([]fr.Element, m)
	w := fr.One()
	for i := range all {
		powers[i] = w
		if all[i].Sub(&tau, &w); all[i].IsZero() {
			return nil, nil, badInput("the secret point lies in the domain; run setup again, or with another seed")
		}
		w.Mul(&w, &root)
	}
	all = fr.BatchInvert(all)
	scale := func(size int) fr.Element {
		z, inverse, one := tau, fr.NewElement(uint64(size)), fr.One()
		for k := 1; k < size; k *= 2 {
			z.Square(&z)
		}
		z.Sub(&z, &one)
		inverse.Inverse(&inverse)
		return *z.Mul(&z, &inverse)
	}
	small, large := scale(n), scale(m)
	basis, odd = make([]fr.Element, n), make([]fr.Element, n)
	for i := range n {
		basis[i].Mul(&powers[2*i], &all[2*i]).Mul(&basis[i], &small)
		odd[i].Mul(&powers[2*i+1], &all[2*i+1]).Mul(&odd[i], &large)
	}
	return basis, odd, nil
}

func generatorG1() g1 { _, _, g, _ := bn254.Generators(); return g1(g) }
func generatorG2() g2 { _, _, _, g := bn254.Generators(); return g2(g) }

func baseG1(count int) *fixedBase[fp.Element, *fp.Element] {
	return newFixedBase[fp.Element, *fp.Element](generatorG1(), count)
}

func baseG2(count int) *fixedBase[bn254.E2, *bn254.E2] {
	return newFixedBase[bn254.E2, *bn254.E2](generatorG2(), count)
}

func timesG1(s *fr.Element) g1 { return baseG1(1).mul([]fr.Element{*s})[0] }
func timesG2(s *fr.Element) g2 { return baseG2(1).mul([]fr.Element{*s})[0] }

func (k *keyPoints) verifyingKey() *verifyingKey {
	vk := &verifyingKey{
		alpha: bn254.G1Affine(k.alpha), beta: bn254.G2Affine(k.beta2),
		gamma: bn254.G2Affine(k.gamma2), delta: bn254.G2Affine(k.delta2),
	}
	for _, p := range k.ic {
		vk.ic = append(vk.ic, bn254.G1Affine(p))
	}
	return vk
}
