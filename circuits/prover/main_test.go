package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWrongUsageExitsWithTwo(t *testing.T) {
	f := newFolder(t)
	for _, args := range [][]string{
		{}, {"prove"}, {"frobnicate"}, {"setup", "--r1cs", "x"}, {"markers", "extra"},
		{"info", "--zkey", f.file("none")}, {"info", "--what", "x"}, {"markers", "--threads", "0"},
		{"setup", "--r1cs", "x", "--zkey", "y", "--vkey", "z", "--seed", "12"},
		{"setup", "--r1cs", "x", "--zkey", "y", "--vkey", "z", "--seed", "not hexadecimal, no"},
	} {
		if code, out, errs := f.run(nil, args...); code != codeBadInput || out != "" || errs == "" {
			t.Errorf("%v: exit %d, %q, %q", args, code, out, errs)
		}
	}
}

func TestInfo(t *testing.T) {
	f := withKeys(t)
	var got map[string]any
	if err := json.Unmarshal([]byte(f.mustRun("info", "--zkey", f.file("a.zkey"))), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"constraints": 2.0, "wires": 5.0, "nPublic": 2.0, "domain": 8.0, "contributions": 0.0,
		"development": true, "zkeyBytes": float64(len(f.read("a.zkey"))),
	} {
		if got[name] != want {
			t.Errorf("%s: %v instead of %v", name, got[name], want)
		}
	}
	if id := got["circuitId"].(string); len(id) != 66 || !strings.HasPrefix(id, "0x") {
		t.Error(id)
	}
}

func TestMarkersNameTheKeysAlpha(t *testing.T) {
	f := withKeys(t)
	var got struct{ DevelopmentAlpha []string }
	var vk vkeyJSON
	if err := json.Unmarshal([]byte(f.mustRun("markers")), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(f.read("a.vkey.json"), &vk); err != nil {
		t.Fatal(err)
	}
	if !vk.Development || got.DevelopmentAlpha[0] != vk.Alpha[0] || got.DevelopmentAlpha[1] != vk.Alpha[1] {
		t.Fatal(got, vk.Alpha)
	}
}
