package main

import (
	"encoding/hex"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"golang.org/x/crypto/sha3"
)

// verifyingKey is a Groth16 verification key; ic has one point a public input, and one more.
type verifyingKey struct {
	alpha              bn254.G1Affine
	beta, gamma, delta bn254.G2Affine
	ic                 []bn254.G1Affine
}

type proof struct {
	a, c bn254.G1Affine
	b    bn254.G2Affine
}

// check refuses a key with a point at infinity, off the curve or outside the subgroup, and one
// whose delta was never contributed to: with delta = gamma anyone can forge proofs.
func (vk *verifyingKey) check(name string) error {
	for _, p := range append([]bn254.G1Affine{vk.alpha}, vk.ic...) {
		if !validG1(&p) {
			return badInput("%s: the verification key holds a bad G1 point; make the key again", name)
		}
	}
	for _, p := range []bn254.G2Affine{vk.beta, vk.gamma, vk.delta} {
		if !validG2(&p) {
			return badInput("%s: the verification key holds a bad G2 point; make the key again", name)
		}
	}
	if vk.delta.Equal(&vk.gamma) {
		return badInput("%s: nobody contributed to this key (delta = gamma), so proofs can be forged; "+
			"run `snarkjs zkey contribute` first", name)
	}
	return nil
}

func validG1(p *bn254.G1Affine) bool { return !p.IsInfinity() && p.IsInSubGroup() }
func validG2(p *bn254.G2Affine) bool { return !p.IsInfinity() && p.IsOnCurve() && p.IsInSubGroup() }

// equal says whether two keys accept the same proofs.
func (vk *verifyingKey) equal(other *verifyingKey) bool {
	return vk.alpha.Equal(&other.alpha) && vk.beta.Equal(&other.beta) && vk.gamma.Equal(&other.gamma) &&
		vk.delta.Equal(&other.delta) && slices.Equal(vk.ic, other.ic)
}

// circuitID is keccak256 of the key's words in the order and encoding of the chain's
// precompiles: alpha, beta, gamma, delta, IC; big endian, imaginary part first.
func (vk *verifyingKey) circuitID() string {
	h := sha3.NewLegacyKeccak256()
	g1Words := func(p *bn254.G1Affine) {
		x, y := p.X.Bytes(), p.Y.Bytes()
		h.Write(append(x[:], y[:]...))
	}
	g1Words(&vk.alpha)
	for _, p := range []*bn254.G2Affine{&vk.beta, &vk.gamma, &vk.delta} {
		for _, e := range []*bn254.E2{&p.X, &p.Y} {
			re, im := e.A0.Bytes(), e.A1.Bytes()
			h.Write(append(im[:], re[:]...))
		}
	}
	for i := range vk.ic {
		g1Words(&vk.ic[i])
	}
	return "0x" + hex.EncodeToString(h.Sum(nil))
}

func (vk *verifyingKey) isDevelopment() (bool, error) {
	alpha, err := developmentAlpha()
	return vk.alpha.Equal(&alpha), err
}

// verify checks e(A, B) = e(alpha, beta)·e(IC(publics), gamma)·e(C, delta) (Groth 2016) on
// points in the right subgroups. An error has exit code 1: the proof is bad.
func (vk *verifyingKey) verify(p *proof, publics []fr.Element) error {
	if len(publics) != len(vk.ic)-1 {
		return badProof("%d public inputs where the key has %d; give the proof of this circuit", len(publics), len(vk.ic)-1)
	}
	if !validG1(&p.a) || !validG2(&p.b) || !validG1(&p.c) {
		return badProof("a point of the proof is not in the curve's subgroup; prove again")
	}
	var sum, t bn254.G1Jac
	sum.FromAffine(&vk.ic[0])
	for i := range publics {
		t.FromAffine(&vk.ic[i+1])
		sum.AddAssign(t.ScalarMultiplication(&t, bigOf(&publics[i])))
	}
	var inputs, minusA bn254.G1Affine
	inputs.FromJacobian(&sum)
	minusA.Neg(&p.a)
	ok, err := bn254.PairingCheck(
		[]bn254.G1Affine{minusA, vk.alpha, inputs, p.c},
		[]bn254.G2Affine{p.b, vk.beta, vk.gamma, vk.delta})
	if err != nil || !ok {
		return badProof("the proof does not verify; the proof, its public signals and the key do not belong together")
	}
	return nil
}

// verifyFiles checks a proof file (proof with publicSignals, or snarkjs's proof.json with its
// public.json) against a verification key file.
func verifyFiles(vkeyPath, proofPath, publicPath string) (any, error) {
	vk, err := readVerifyingKey(vkeyPath)
	if err != nil {
		return nil, err
	}
	p, publics, err := readProof(proofPath, publicPath)
	if err != nil {
		return nil, err
	}
	development, err := vk.isDevelopment()
	if err != nil {
		return nil, err
	}
	if err := vk.verify(p, publics); err != nil {
		return nil, err
	}
	return map[string]any{"valid": true, "development": development, "circuitId": vk.circuitID()}, nil
}
