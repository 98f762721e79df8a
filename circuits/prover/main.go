// Command shadowpool-prover makes development keys, proves and verifies Groth16 over BN254
// with snarkjs's files. Standard output carries one line of JSON, standard error progress and
// errors; exit code 1 is a bad proof, 2 a bad input.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

const usage = `usage: shadowpool-prover COMMAND [--threads N]
  setup   --r1cs X.r1cs --zkey X.zkey --vkey X.vkey.json [--seed HEX]
  prove   --zkey X.zkey --wtns X.wtns|- [--vkey X.vkey.json]
  verify  --vkey X.vkey.json --proof P.json [--public S.json]
  info    --zkey X.zkey
  markers
Keys made by setup are for development only; --seed, which makes them reproducible, for tests.`

const (
	codeBadProof = 1
	codeBadInput = 2
)

// failure is an error with the exit code it calls for.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return f.text }

func badInput(format string, args ...any) error {
	return &failure{codeBadInput, fmt.Sprintf(format, args...)}
}

func badProof(format string, args ...any) error {
	return &failure{codeBadProof, fmt.Sprintf(format, args...)}
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	result, err := dispatch(args, stdin, stderr)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(result)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "shadowpool-prover:", err)
	if f := (*failure)(nil); errors.As(err, &f) {
		return f.code
	}
	return codeBadInput
}

// options are the flags of one command; get makes a flag required.
type options struct {
	set    *flag.FlagSet
	values map[string]*string
}

func (o *options) get(name string) string { return *o.values[name] }

// parse reads the named flags; those that end in "?" may be left out.
func parse(command string, args []string, names ...string) (*options, error) {
	o := &options{flag.NewFlagSet(command, flag.ContinueOnError), map[string]*string{}}
	o.set.SetOutput(io.Discard)
	threads := o.set.Int("threads", runtime.NumCPU(), "")
	for _, name := range names {
		name = strings.TrimSuffix(name, "?")
		o.values[name] = o.set.String(name, "", "")
	}
	if err := o.set.Parse(args); err != nil || o.set.NArg() > 0 {
		return nil, badInput("%s: unknown option or argument; run without arguments for the usage", command)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, "?") && o.get(name) == "" {
			return nil, badInput("%s: --%s is missing; run without arguments for the usage", command, name)
		}
	}
	if *threads < 1 || *threads > 1024 {
		return nil, badInput("%s: --threads must be between 1 and 1024", command)
	}
	runtime.GOMAXPROCS(*threads)
	return o, nil
}

func dispatch(args []string, stdin io.Reader, progress io.Writer) (any, error) {
	if len(args) == 0 {
		return nil, badInput("%s", usage)
	}
	command, args := args[0], args[1:]
	flags := map[string][]string{
		"setup":   {"r1cs", "zkey", "vkey", "seed?"},
		"prove":   {"zkey", "wtns", "vkey?"},
		"verify":  {"vkey", "proof", "public?"},
		"info":    {"zkey"},
		"markers": {},
	}
	names, known := flags[command]
	if !known {
		return nil, badInput("unknown command %q\n%s", command, usage)
	}
	o, err := parse(command, args, names...)
	if err != nil {
		return nil, err
	}
	switch command {
	case "setup":
		seed, err := parseSeed(o.get("seed"))
		if err != nil {
			return nil, err
		}
		return setup(o.get("r1cs"), o.get("zkey"), o.get("vkey"), seed, progress)
	case "prove":
		return prove(o.get("zkey"), o.get("wtns"), o.get("vkey"), stdin)
	case "verify":
		return verifyFiles(o.get("vkey"), o.get("proof"), o.get("public"))
	case "info":
		return info(o.get("zkey"))
	}
	return markers()
}

// parseSeed returns nil, which asks for random secrets, where no seed is given.
func parseSeed(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	seed, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(seed) < 16 {
		return nil, badInput("--seed must be at least 16 bytes of hexadecimal; leave it out for a random key")
	}
	return seed, nil
}

func info(path string) (any, error) {
	data, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	key, err := parseZkey(data, path)
	if err != nil {
		return nil, err
	}
	development, err := key.vk.isDevelopment()
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"constraints": key.constraints, "wires": key.wires, "nPublic": key.public,
		"domain": key.domain, "zkeyBytes": key.size, "contributions": key.contributions,
		"development": development, "circuitId": key.vk.circuitID(),
	}, nil
}

// markers tells deployment scripts which vk_alpha_1 to refuse outside development chains.
func markers() (any, error) {
	alpha, err := developmentAlpha()
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"developmentAlpha": []string{alpha.X.String(), alpha.Y.String()}, "preimage": developmentMarker,
	}, nil
}
