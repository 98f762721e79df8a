package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
)

type provedJSON struct {
	bundleJSON
	Seconds map[string]float64 `json:"seconds"`
}

// prove reads a key and a witness, and returns a proof that it has verified itself.
func prove(zkeyPath, wtnsPath, vkeyPath string, stdin io.Reader) (any, error) {
	seconds, start := map[string]float64{}, time.Now()
	last := start
	lap := func(name string) {
		now := time.Now()
		seconds[name], last = round(now.Sub(last).Seconds()), now
	}
	key, witness, err := readInputs(zkeyPath, wtnsPath, vkeyPath, stdin)
	if err != nil {
		return nil, err
	}
	lap("read")
	quotient, err := key.quotient(witness)
	if err != nil {
		return nil, err
	}
	lap("h")
	p, err := key.prove(witness, quotient)
	if err != nil {
		return nil, err
	}
	lap("msm")
	publics := witness[1 : key.public+1]
	if err := key.vk.verify(p, publics); err != nil {
		return nil, badProof("the proof made does not verify: the witness does not satisfy the circuit of %s, "+
			"or the key is damaged; make witness and key from the same compilation", zkeyPath)
	}
	lap("verify")
	seconds["total"] = round(time.Since(start).Seconds())
	out := provedJSON{bundleJSON{p.encode(), []string{}}, seconds}
	for i := range publics {
		out.Publics = append(out.Publics, bigOf(&publics[i]).String())
	}
	return out, nil
}

func readInputs(zkeyPath, wtnsPath, vkeyPath string, stdin io.Reader) (*zkey, []fr.Element, error) {
	data, err := mapFile(zkeyPath)
	if err != nil {
		return nil, nil, err
	}
	key, err := parseZkey(data, zkeyPath)
	if err != nil {
		return nil, nil, err
	}
	if vkeyPath != "" {
		vk, err := readVerifyingKey(vkeyPath)
		if err != nil {
			return nil, nil, err
		}
		if !vk.equal(&key.vk) {
			return nil, nil, badInput("%s is not the verification key of %s; give the pair that setup wrote", vkeyPath, zkeyPath)
		}
	}
	witness, err := readWitness(wtnsPath, stdin)
	if err != nil {
		return nil, nil, err
	}
	if len(witness) != key.wires {
		return nil, nil, badInput("the witness has %d words and %s has %d wires; they are of different circuits",
			len(witness), zkeyPath, key.wires)
	}
	return key, witness, nil
}

// quotient returns A·B − C on the odd coset, C being A∘B on the domain: with the Lagrange
// basis of section 9 that is h(tau)·z(tau)/delta.
func (k *zkey) quotient(witness []fr.Element) ([]fr.Element, error) {
	shift, err := fft.Generator(uint64(2 * k.domain))
	if err != nil {
		return nil, err
	}
	var a, b []fr.Element
	var wg sync.WaitGroup
	wg.Go(func() { a = k.rows(0, witness) })
	wg.Go(func() { b = k.rows(1, witness) })
	domain := fft.NewDomain(uint64(k.domain), fft.WithShift(shift))
	wg.Wait()
	c := make([]fr.Element, k.domain)
	each(k.domain, func(i int) { c[i].Mul(&a[i], &b[i]) })
	for _, v := range [][]fr.Element{a, b, c} {
		domain.FFTInverse(v, fft.DIF)
		domain.FFT(v, fft.DIT, fft.OnCoset())
	}
	each(k.domain, func(i int) { a[i].Mul(&a[i], &b[i]).Sub(&a[i], &c[i]) })
	return a, nil
}

func each(n int, work func(i int)) {
	inParallel(n, 1<<12, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			work(i)
		}
	})
}

// rows multiplies matrix A (0) or B (1) by the witness.
func (k *zkey) rows(matrix uint32, witness []fr.Element) []fr.Element {
	out := make([]fr.Element, k.domain)
	for i := range k.coefficientCount() {
		if k.matrixOf(i) == matrix {
			t, _ := k.coefficient(i)
			t.value.Mul(&t.value, &witness[t.wire])
			out[t.row].Add(&out[t.row], &t.value)
		}
	}
	var scale fr.Element
	scale.Inverse(&montgomery)
	for i := range out {
		out[i].Mul(&out[i], &scale)
	}
	return out
}

// prove computes a proof blinded by fresh random r and s (Groth 2016, section 3.2).
func (k *zkey) prove(witness, quotient []fr.Element) (*proof, error) {
	var r, s fr.Element
	for _, e := range []*fr.Element{&r, &s} {
		if _, err := e.SetRandom(); err != nil {
			return nil, fmt.Errorf("the system's random source failed: %w; no proof was made", err)
		}
	}
	one := fr.One()
	a := newCombination(1, len(witness))
	b := newCombination(2, len(witness))
	c := newCombination(1, 2*len(witness)+len(quotient))
	// C's part s·(A less r·delta) + r·(the B of G1) is s·A + r·(beta + Σ w·B): r·s·delta stands in both.
	if !a.add(k.a, witness, one) || !b.add(k.b2, witness, one) ||
		!c.add(k.h, quotient, one) || !c.add(k.c, witness[k.public+1:], one) || !c.add(k.b1, witness, r) {
		return nil, errPoint
	}
	sumAll(c, b, a)
	p := &proof{a: *a.g1(), b: *b.g2(), c: *c.g1()}
	p.a.Add(&p.a, &k.vk.alpha).Add(&p.a, mulG1(&k.delta1, &r))
	p.b.Add(&p.b, &k.vk.beta).Add(&p.b, new(bn254.G2Affine).ScalarMultiplication(&k.vk.delta, bigOf(&s)))
	p.c.Add(&p.c, mulG1(&p.a, &s)).Add(&p.c, mulG1(&k.beta1, &r))
	return p, nil
}

func mulG1(p *bn254.G1Affine, factor *fr.Element) *bn254.G1Affine {
	return new(bn254.G1Affine).ScalarMultiplication(p, bigOf(factor))
}

var errPoint = badInput("the key holds a coordinate beyond the field; make it again with `setup`")
