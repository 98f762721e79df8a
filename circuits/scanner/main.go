// Command shadowpool-scanner tells which memos may be for a viewing key. It does for many what
// offchain.streams.open_memo does for one, but for its last step: the caller opens what is left.
//
// Standard input holds words of 32 bytes, the highest byte first: the key's scalar, the memo's tag, Poseidon's
// parameters of width 7 in sparse form (offchain.grain: the number of partial rounds, first, enter, keys, rows,
// columns, second, mix), then three words a memo: its point's x and y, and its first sealed word. Standard output
// gets one byte a memo: 1 where what was sealed is below 2^160, as an asset and an order's terms are, else 0. Another
// key's memo gets 1 once in 2^94.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

const (
	wordBytes = 32
	memoBytes = 3 * wordBytes
	batch     = 256
)

func main() {
	if err := scan(bufio.NewReaderSize(os.Stdin, 1<<20), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "shadowpool-scanner:", err)
		os.Exit(2)
	}
}

func scan(in io.Reader, out io.Writer) error {
	scalar := make([]byte, wordBytes)
	if _, err := io.ReadFull(in, scalar); err != nil {
		return errors.New("the key is missing")
	}
	hash, err := readPoseidon(in)
	if err != nil {
		return err
	}
	memos, err := io.ReadAll(in)
	if err != nil || len(memos)%memoBytes != 0 {
		return fmt.Errorf("memos are %d bytes each", memoBytes)
	}
	found := make([]byte, len(memos)/memoBytes)
	digits, starts := digitsOf(scalar), make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for start := range starts {
				end := min(start+batch, len(found))
				try(digits, hash, memos[start*memoBytes:end*memoBytes], found[start:end])
			}
		})
	}
	for start := 0; start < len(found); start += batch {
		starts <- start
	}
	close(starts)
	workers.Wait()
	_, err = out.Write(found)
	return err
}

// try writes 1 for each memo that opens to a small first word.
func try(digits []int8, hash *poseidon, memos, found []byte) {
	shared := make([]point, 0, batch)
	scales := make([]fr.Element, 0, batch)
	places := make([]int, 0, batch)
	for place := range found {
		p, ok := readPoint(memos[place*memoBytes:])
		if !ok {
			continue
		}
		p = multiply(digits, p)
		shared, scales, places = append(shared, p), append(scales, p.z), append(places, place)
	}
	for i, inverse := range fr.BatchInvert(scales) {
		var sealed fr.Element
		from := memos[places[i]*memoBytes+2*wordBytes:]
		if sealed.SetBytesCanonical(from[:wordBytes]) != nil {
			continue
		}
		x, y := shared[i].affine(&inverse)
		pad := hash.firstPad(x, y)
		if small(sealed.Sub(&sealed, &pad)) {
			found[places[i]] = 1
		}
	}
}

// small is whether a word is below 2^160.
func small(word *fr.Element) bool {
	limbs := word.Bits()
	return limbs[3] == 0 && limbs[2]>>32 == 0
}

func readPair(from []byte) (a, b fr.Element, ok bool) {
	ok = a.SetBytesCanonical(from[:wordBytes]) == nil && b.SetBytesCanonical(from[wordBytes:2*wordBytes]) == nil
	return a, b, ok
}

func readWords(in io.Reader, count int) ([]fr.Element, error) {
	raw, words := make([]byte, count*wordBytes), make([]fr.Element, count)
	if _, err := io.ReadFull(in, raw); err != nil {
		return nil, errors.New("the parameters of Poseidon are missing")
	}
	for i := range words {
		if err := words[i].SetBytesCanonical(raw[i*wordBytes : (i+1)*wordBytes]); err != nil {
			return nil, errors.New("a parameter of Poseidon is no field element")
		}
	}
	return words, nil
}
