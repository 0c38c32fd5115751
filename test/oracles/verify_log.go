// Verifies a served tlog-tiles log with golang.org/x/mod, unchanged: its checkpoint with sumdb/note, its tiles,
// entries and consistency with sumdb/tlog. Prints "ok <size> <root>"; anything that does not hold is one line and exit 1.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	url := flag.String("url", "", "prefix of the log")
	vkey := flag.String("vkey", "", "verifier key")
	entries := flag.String("entries", "", "indexes to prove, separated by commas")
	old := flag.String("old", "", "files with earlier checkpoints, separated by commas")
	flag.Parse()
	tree, err := verify(*url, *vkey, split(*entries), split(*old))
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	fmt.Println("ok", tree.N, base64.StdEncoding.EncodeToString(tree.Hash[:]))
}

func verify(url, vkey string, entries, old []string) (tlog.Tree, error) {
	var none tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return none, err
	}
	signed, err := get(url, "checkpoint")
	if err != nil {
		return none, err
	}
	tree, err := open(signed, verifier)
	if err != nil {
		return none, err
	}
	if tree.N == 0 {
		if tree.Hash != tlog.Hash(sha256.Sum256(nil)) {
			return none, fmt.Errorf("the empty tree has another root")
		}
		return tree, nil
	}
	// Checks every tile it reads against the root.
	hashes := tlog.TileHashReader(tree, served{url})
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return none, err
	}
	if root != tree.Hash {
		return none, fmt.Errorf("the tiles give another root")
	}
	for _, text := range entries {
		index, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return none, err
		}
		entry, err := readEntry(url, index, tree.N)
		if err != nil {
			return none, err
		}
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return none, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
			return none, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	for _, file := range old {
		bytes, err := os.ReadFile(file)
		if err != nil {
			return none, err
		}
		earlier, err := open(bytes, verifier)
		if err != nil {
			return none, err
		}
		if earlier.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(tree.N, earlier.N, hashes)
		if err != nil {
			return none, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, earlier.N, earlier.Hash); err != nil {
			return none, fmt.Errorf("size %d: %w", earlier.N, err)
		}
	}
	return tree, nil
}

func open(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is of another log, or has other lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// served reads tiles by the paths of C2SP tlog-tiles: those of sumdb without the height.
type served struct{ url string }

func (served) Height() int { return 8 }

func (s served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := get(s.url, strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func (served) SaveTiles([]tlog.Tile, [][]byte) {}

func readEntry(url string, index, size int64) ([]byte, error) {
	tile := tlog.Tile{H: 8, L: 0, N: index / 256, W: 256}
	if rest := size - tile.N*256; rest < 256 {
		tile.W = int(rest)
	}
	bundle, err := get(url, strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	for skip := index % 256; ; skip-- {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return nil, fmt.Errorf("the bundle of entry %d is too short", index)
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		if skip == 0 {
			return bundle[2:end], nil
		}
		bundle = bundle[end:]
	}
}

func get(url, path string) ([]byte, error) {
	response, err := http.Get(url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("%s answered %d", path, response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
