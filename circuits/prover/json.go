package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"os"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// snarkjs writes every number as a decimal string and a point with a third coordinate of one.
type (
	jsonG1 [3]string
	jsonG2 [3][2]string
)

// vkeyJSON is snarkjs's verification_key.json, and the marker of a development key.
type vkeyJSON struct {
	Protocol    string          `json:"protocol"`
	Curve       string          `json:"curve"`
	NPublic     int             `json:"nPublic"`
	Alpha       jsonG1          `json:"vk_alpha_1"`
	Beta        jsonG2          `json:"vk_beta_2"`
	Gamma       jsonG2          `json:"vk_gamma_2"`
	Delta       jsonG2          `json:"vk_delta_2"`
	AlphaBeta   [2][3][2]string `json:"vk_alphabeta_12"`
	IC          []jsonG1        `json:"IC"`
	Development bool            `json:"development,omitempty"`
}

// proofJSON is snarkjs's proof.json.
type proofJSON struct {
	A        jsonG1 `json:"pi_a"`
	B        jsonG2 `json:"pi_b"`
	C        jsonG1 `json:"pi_c"`
	Protocol string `json:"protocol"`
	Curve    string `json:"curve"`
}

type bundleJSON struct {
	Proof   *proofJSON `json:"proof"`
	Publics []string   `json:"publicSignals"`
}

const (
	protocolName = "groth16"
	curveName    = "bn128"
)

var errNumber = errors.New("a coordinate is not a decimal number below the field's modulus")

// canonical parses a decimal string below the modulus that has exactly one spelling.
func canonical(s string, modulus *big.Int) (*big.Int, bool) {
	if len(s) > 78 {
		return nil, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	return n, ok && n.Sign() >= 0 && n.Cmp(modulus) < 0 && n.String() == s
}

func parseFp(s string, out *fp.Element) bool {
	n, ok := canonical(s, fp.Modulus())
	if ok {
		out.SetBigInt(n)
	}
	return ok
}

func (j jsonG1) point() (p bn254.G1Affine, err error) {
	if !parseFp(j[0], &p.X) || !parseFp(j[1], &p.Y) || j[2] != "1" {
		err = errNumber
	}
	return p, err
}

func (j jsonG2) point() (p bn254.G2Affine, err error) {
	if !parseFp(j[0][0], &p.X.A0) || !parseFp(j[0][1], &p.X.A1) || !parseFp(j[1][0], &p.Y.A0) ||
		!parseFp(j[1][1], &p.Y.A1) || j[2] != [2]string{"1", "0"} {
		err = errNumber
	}
	return p, err
}

func toJSONG1(p *bn254.G1Affine) jsonG1 { return jsonG1{p.X.String(), p.Y.String(), "1"} }

func toJSONG2(p *bn254.G2Affine) jsonG2 {
	return jsonG2{toJSONE2(&p.X), toJSONE2(&p.Y), {"1", "0"}}
}

func toJSONE2(e *bn254.E2) [2]string { return [2]string{e.A0.String(), e.A1.String()} }

func (vk *verifyingKey) encode() (*vkeyJSON, error) {
	ab, err := bn254.Pair([]bn254.G1Affine{vk.alpha}, []bn254.G2Affine{vk.beta})
	if err != nil {
		return nil, err
	}
	development, err := vk.isDevelopment()
	if err != nil {
		return nil, err
	}
	out := &vkeyJSON{
		Protocol: protocolName, Curve: curveName, NPublic: len(vk.ic) - 1,
		Alpha: toJSONG1(&vk.alpha), Beta: toJSONG2(&vk.beta),
		Gamma: toJSONG2(&vk.gamma), Delta: toJSONG2(&vk.delta),
		AlphaBeta: [2][3][2]string{
			{toJSONE2(&ab.C0.B0), toJSONE2(&ab.C0.B1), toJSONE2(&ab.C0.B2)},
			{toJSONE2(&ab.C1.B0), toJSONE2(&ab.C1.B1), toJSONE2(&ab.C1.B2)},
		},
		Development: development,
	}
	for i := range vk.ic {
		out.IC = append(out.IC, toJSONG1(&vk.ic[i]))
	}
	return out, nil
}

// decode reads the points; vk_alphabeta_12 is redundant, and is never relied on.
func (j *vkeyJSON) decode(name string) (*verifyingKey, error) {
	if j.Protocol != protocolName || j.Curve != curveName || len(j.IC) == 0 || j.NPublic != len(j.IC)-1 {
		return nil, badInput("%s: not a groth16 key over bn128 with nPublic + 1 points in IC; export it again", name)
	}
	vk := &verifyingKey{ic: make([]bn254.G1Affine, len(j.IC))}
	var errs [5]error
	vk.alpha, errs[0] = j.Alpha.point()
	vk.beta, errs[1] = j.Beta.point()
	vk.gamma, errs[2] = j.Gamma.point()
	vk.delta, errs[3] = j.Delta.point()
	for i := range j.IC {
		var err error
		vk.ic[i], err = j.IC[i].point()
		errs[4] = errors.Join(errs[4], err)
	}
	if errors.Join(errs[:]...) != nil {
		return nil, badInput("%s: %v; export the key again", name, errNumber)
	}
	return vk, vk.check(name)
}

func (p *proof) encode() *proofJSON {
	return &proofJSON{toJSONG1(&p.a), toJSONG2(&p.b), toJSONG1(&p.c), protocolName, curveName}
}

func (j *proofJSON) decode(name string) (*proof, error) {
	if j.Protocol != protocolName || j.Curve != curveName {
		return nil, badInput("%s: not a groth16 proof over bn128; give the file that `prove` wrote", name)
	}
	var p proof
	var errs [3]error
	p.a, errs[0] = j.A.point()
	p.b, errs[1] = j.B.point()
	p.c, errs[2] = j.C.point()
	if errors.Join(errs[:]...) != nil {
		return nil, badProof("%s: %v; prove again", name, errNumber)
	}
	return &p, nil
}

func decodePublics(signals []string, name string) ([]fr.Element, error) {
	out := make([]fr.Element, len(signals))
	for i, s := range signals {
		n, ok := canonical(s, fr.Modulus())
		if !ok {
			return nil, badProof("%s: public signal %d is not a decimal number below the field's modulus", name, i)
		}
		out[i].SetBigInt(n)
	}
	return out, nil
}

func readVerifyingKey(path string) (*verifyingKey, error) {
	var j vkeyJSON
	if err := readJSON(path, &j); err != nil {
		return nil, err
	}
	return j.decode(path)
}

// readProof reads a bundle {proof, publicSignals}, or a bare proof where the public signals
// have a file of their own.
func readProof(path, publicPath string) (*proof, []fr.Element, error) {
	var b bundleJSON
	from, parts := path, map[string]any{path: &b}
	if publicPath != "" {
		b.Proof = &proofJSON{}
		from, parts = publicPath, map[string]any{path: b.Proof, publicPath: &b.Publics}
	}
	for file, into := range parts {
		if err := readJSON(file, into); err != nil {
			return nil, nil, err
		}
	}
	return b.decode(path, from)
}

// decode reads the bundle's two parts, which came from the files of these names.
func (b *bundleJSON) decode(path, publicPath string) (*proof, []fr.Element, error) {
	if b.Proof == nil || b.Publics == nil {
		return nil, nil, badInput("%s: no proof with publicSignals in it; for snarkjs's two files add --public", path)
	}
	p, err := b.Proof.decode(path)
	if err != nil {
		return nil, nil, err
	}
	publics, err := decodePublics(b.Publics, publicPath)
	return p, publics, err
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return badInput("cannot read %s: %v", path, err)
	}
	return parseJSON(data, path, into)
}

func parseJSON(data []byte, name string, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return badInput("%s: not the expected JSON: %v", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badInput("%s: text after the JSON value; give one value a file", name)
	}
	return nil
}

func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return writeAtomically(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

func bigOf(e *fr.Element) *big.Int { return e.BigInt(new(big.Int)) }

// round keeps milliseconds of a number of seconds.
func round(seconds float64) float64 { return math.Round(seconds*1e3) / 1e3 }
