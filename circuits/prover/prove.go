package main

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
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
		if t, _ := k.coefficient(i); t.matrix == matrix {
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
	var r, s, rs fr.Element
	for _, e := range []*fr.Element{&r, &s} {
		if _, err := e.SetRandom(); err != nil {
			return nil, fmt.Errorf("the system's random source failed: %w; no proof was made", err)
		}
	}
	rs.Mul(&r, &s).Neg(&rs)
	a, err := sumG1(k.a, witness, &k.vk.alpha, &k.delta1, &r)
	if err != nil {
		return nil, err
	}
	b1, err := sumG1(k.b1, witness, &k.beta1, &k.delta1, &s)
	if err != nil {
		return nil, err
	}
	b, err := sumG2(k.b2, witness, &k.vk.beta, &k.vk.delta, &s)
	if err != nil {
		return nil, err
	}
	h, err := sumG1(k.h, quotient, &bn254.G1Affine{}, a, &s)
	if err != nil {
		return nil, err
	}
	h2, err := sumG1(k.c, witness[k.public+1:], h, b1, &r)
	if err != nil {
		return nil, err
	}
	var c, t bn254.G1Affine
	c.Add(h2, t.ScalarMultiplication(&k.delta1, bigOf(&rs)))
	return &proof{*a, c, *b}, nil
}

// sumG1 returns Σ scalars·points + plus + factor·times. Terms that are zero are left out.
func sumG1(section []byte, scalars []fr.Element, plus, times *bn254.G1Affine, factor *fr.Element) (*bn254.G1Affine, error) {
	points := make([]bn254.G1Affine, 0, len(scalars)+2)
	kept := make([]fr.Element, 0, len(scalars)+2)
	for i := range scalars {
		if scalars[i].IsZero() {
			continue
		}
		var p bn254.G1Affine
		if !decodeG1(section[i*sizeG1:], &p) {
			return nil, errPoint
		}
		if !p.IsInfinity() {
			points, kept = append(points, p), append(kept, scalars[i])
		}
	}
	points, kept = append(points, *plus, *times), append(kept, fr.One(), *factor)
	return new(bn254.G1Affine).MultiExp(points, kept, multiExp())
}

// sumG2 is sumG1 in the other group.
func sumG2(section []byte, scalars []fr.Element, plus, times *bn254.G2Affine, factor *fr.Element) (*bn254.G2Affine, error) {
	points := make([]bn254.G2Affine, 0, len(scalars)+2)
	kept := make([]fr.Element, 0, len(scalars)+2)
	for i := range scalars {
		if scalars[i].IsZero() {
			continue
		}
		var p bn254.G2Affine
		if !decodeG2(section[i*sizeG2:], &p) {
			return nil, errPoint
		}
		if !p.IsInfinity() {
			points, kept = append(points, p), append(kept, scalars[i])
		}
	}
	points, kept = append(points, *plus, *times), append(kept, fr.One(), *factor)
	return new(bn254.G2Affine).MultiExp(points, kept, multiExp())
}

var errPoint = badInput("the key holds a coordinate beyond the field; make it again with `setup`")

func multiExp() ecc.MultiExpConfig { return ecc.MultiExpConfig{NbTasks: runtime.GOMAXPROCS(0)} }
