package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// goldenZkey is the SHA-256 of the fixture's key: the same r1cs and seed make the same bytes
// on every machine, and a change of the format or of the derivation must be deliberate.
const goldenZkey = "6abc19dd99e4a33d79a3599e1026c74126e7b9856a67c880ff7c6ee630672628"

func TestSetupIsReproducible(t *testing.T) {
	sum := sha256.Sum256(withKeys(t).read("a.zkey"))
	if got := hex.EncodeToString(sum[:]); got != goldenZkey {
		t.Fatalf("zkey hash %s", got)
	}
}

func TestRandomKeysDiffer(t *testing.T) {
	f := withKeys(t)
	f.mustRun("setup", "--r1cs", f.file("a.r1cs"), "--zkey", f.file("b.zkey"), "--vkey", f.file("b.vkey.json"))
	f.mustRun("setup", "--r1cs", f.file("a.r1cs"), "--zkey", f.file("c.zkey"), "--vkey", f.file("c.vkey.json"))
	if string(f.read("b.zkey")) == string(f.read("c.zkey")) {
		t.Fatal("two random keys are equal")
	}
}

func TestProveAndVerify(t *testing.T) {
	f := withKeys(t)
	f.write("w.wtns", goodWitness())
	out := f.mustRun("prove", "--zkey", f.file("a.zkey"), "--wtns", f.file("w.wtns"), "--vkey", f.file("a.vkey.json"), "--threads", "1")
	f.write("p.json", []byte(out))
	var result provedJSON
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	if strings.Join(result.Publics, " ") != "68 7" {
		t.Fatalf("publics %v", result.Publics)
	}
	verdict := f.mustRun("verify", "--vkey", f.file("a.vkey.json"), "--proof", f.file("p.json"))
	if !strings.Contains(verdict, `"development":true,"valid":true`) {
		t.Fatal(verdict)
	}
}

func TestWitnessFromStandardInput(t *testing.T) {
	f := withKeys(t)
	code, out, errs := f.run(goodWitness(), "prove", "--zkey", f.file("a.zkey"), "--wtns", "-")
	if code != 0 || !strings.Contains(out, `"pi_a"`) {
		t.Fatal(code, errs)
	}
}

func TestProofsAreBlinded(t *testing.T) {
	f := withKeys(t)
	prove := func() (r provedJSON) {
		_, out, _ := f.run(goodWitness(), "prove", "--zkey", f.file("a.zkey"), "--wtns", "-")
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if first, second := prove(), prove(); first.Proof.A == second.Proof.A || first.Proof.B == second.Proof.B {
		t.Fatal("two proofs of one witness share a point")
	}
}

func TestWrongWitnessNeverLeaves(t *testing.T) {
	f := withKeys(t)
	for name, w := range map[string][]byte{
		"private": fixtureWtns(1, 68, 7, 4, 9), "public": fixtureWtns(1, 69, 7, 3, 9),
	} {
		code, out, errs := f.run(w, "prove", "--zkey", f.file("a.zkey"), "--wtns", "-")
		if code != codeBadProof || out != "" || !strings.Contains(errs, "does not satisfy") {
			t.Errorf("%s: exit %d, %q, %q", name, code, out, errs)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestRandomSourceErrorsAreHeeded(t *testing.T) {
	f := withKeys(t)
	good := rand.Reader
	rand.Reader = brokenReader{}
	defer func() { rand.Reader = good }()
	code, out, errs := f.run(goodWitness(), "prove", "--zkey", f.file("a.zkey"), "--wtns", "-")
	if code == 0 || out != "" || !strings.Contains(errs, "random source") {
		t.Errorf("prove: exit %d, %q", code, errs)
	}
	code, _, errs = f.run(nil, "setup", "--r1cs", f.file("a.r1cs"), "--zkey", f.file("n.zkey"), "--vkey", f.file("n.json"))
	if code == 0 || !strings.Contains(errs, "random source") {
		t.Errorf("setup: exit %d, %q", code, errs)
	}
}

func TestKeyOfAnotherCircuitRefused(t *testing.T) {
	f := withKeys(t)
	f.mustRun("setup", "--r1cs", f.file("a.r1cs"), "--zkey", f.file("b.zkey"), "--vkey", f.file("b.vkey.json"))
	code, _, errs := f.run(goodWitness(), "prove", "--zkey", f.file("a.zkey"), "--wtns", "-", "--vkey", f.file("b.vkey.json"))
	if code != codeBadInput || !strings.Contains(errs, "not the verification key of") {
		t.Fatal(code, errs)
	}
}

func fixtureProof(t *testing.T) (*verifyingKey, *proof, []fr.Element) {
	t.Helper()
	f := withKeys(t)
	_, out, errs := f.run(goodWitness(), "prove", "--zkey", f.file("a.zkey"), "--wtns", "-")
	vk, err := readVerifyingKey(f.file("a.vkey.json"))
	if err != nil {
		t.Fatal(err, errs)
	}
	p, publics, err := readProof(f.write("p.json", []byte(out)), "")
	if err != nil {
		t.Fatal(err)
	}
	return vk, p, publics
}

func TestVerifyRefuses(t *testing.T) {
	vk, good, publics := fixtureProof(t)
	if err := vk.verify(good, publics); err != nil {
		t.Fatal(err)
	}
	one := fr.One()
	changed := append([]fr.Element{}, publics...)
	changed[0].Add(&changed[0], &one)
	for name, c := range map[string]struct {
		change  func(*proof)
		publics []fr.Element
	}{
		"a negated":       {func(p *proof) { p.a.Neg(&p.a) }, publics},
		"c doubled":       {func(p *proof) { p.c.Add(&p.c, &p.c) }, publics},
		"b negated":       {func(p *proof) { p.b.Neg(&p.b) }, publics},
		"a off the curve": {func(p *proof) { p.a.X.SetOne(); p.a.Y.SetOne() }, publics},
		"c at infinity":   {func(p *proof) { p.c = bn254.G1Affine{} }, publics},
		"b off subgroup":  {func(p *proof) { p.b = outsideSubgroup(t) }, publics},
		"public changed":  {func(*proof) {}, changed},
		"public missing":  {func(*proof) {}, publics[:1]},
	} {
		p := *good
		c.change(&p)
		err := vk.verify(&p, c.publics)
		if err == nil || codeOf(t, err) != codeBadProof {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// outsideSubgroup finds a point of the twist's curve whose order is not r.
func outsideSubgroup(t *testing.T) bn254.G2Affine {
	var three, nine fp.Element
	three.SetUint64(3)
	nine.SetUint64(9)
	b, xi := bn254.E2{A0: three}, bn254.E2{A0: nine, A1: fp.One()}
	b.Mul(&b, xi.Inverse(&xi)) // y² = x³ + 3/(9 + u)
	for i := range uint64(100) {
		var p bn254.G2Affine
		var y2 bn254.E2
		p.X.A0.SetUint64(i)
		y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &b)
		if y2.Legendre() == 1 {
			p.Y.Sqrt(&y2)
			if p.IsOnCurve() && !p.IsInSubGroup() {
				return p
			}
		}
	}
	t.Fatal("no such point found")
	return bn254.G2Affine{}
}

func TestUncontributedKeyRefused(t *testing.T) {
	vk, _, _ := fixtureProof(t)
	vk.delta = vk.gamma
	if err := vk.check("k"); err == nil || !strings.Contains(err.Error(), "delta = gamma") {
		t.Fatal(err)
	}
	vk.delta = outsideSubgroup(t)
	if err := vk.check("k"); err == nil || !strings.Contains(err.Error(), "bad G2 point") {
		t.Fatal(err)
	}
}

func TestDevelopmentAlphaIsTheHash(t *testing.T) {
	vk, _, _ := fixtureProof(t)
	scalar, err := fr.Hash([]byte("shadowpool development key, never for production"), []byte("shadowpool/prover"), 1)
	if err != nil {
		t.Fatal(err)
	}
	var want bn254.G1Affine
	want.ScalarMultiplicationBase(scalar[0].BigInt(new(big.Int)))
	if !vk.alpha.Equal(&want) {
		t.Fatal("alpha of a development key is not the marker")
	}
	if yes, err := vk.isDevelopment(); err != nil || !yes {
		t.Fatal(yes, err)
	}
	vk.alpha.Add(&vk.alpha, &want)
	if yes, _ := vk.isDevelopment(); yes {
		t.Fatal("another alpha counts as development")
	}
}
