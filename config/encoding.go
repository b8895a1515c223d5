package config

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
)

// maxDecodedBytes is more than the data of any ConfigMap takes as JSON.
const maxDecodedBytes = 8 * corev1.MaxSecretSize

// errTooLarge keeps a policy out of the store.
var errTooLarge = fmt.Errorf("it takes more than the %d bytes of a ConfigMap, compressed; write fewer rules, with {namespace}", corev1.MaxSecretSize)

// encodeEntries has, by the name of each policy ConfigMap, its data as
// compressed JSON. The same entries always give the same bytes.
func encodeEntries(good entries) (map[string][]byte, error) {
	encoded, size := map[string][]byte{}, 0
	for name, entry := range good {
		compressed, err := compress(entry.data)
		if err != nil {
			return nil, fmt.Errorf("policy ConfigMap %s: %w", name, err)
		}
		encoded[name] = compressed
		size += len(compressed)
	}
	if size > corev1.MaxSecretSize {
		return nil, errTooLarge
	}
	return encoded, nil
}

// decodeEntries is the reverse: all, or an error.
func decodeEntries(encoded map[string][]byte) (entries, error) {
	decoded := entries{}
	for name, compressed := range encoded {
		data, err := decompress(compressed)
		if err == nil {
			decoded[name], err = parseEntry(name, data)
		}
		if err != nil {
			return nil, fmt.Errorf("binaryData[%s]: %w", name, err)
		}
	}
	return decoded, nil
}

func compress(data map[string]string) ([]byte, error) {
	var buffer bytes.Buffer
	compressor := gzip.NewWriter(&buffer)
	if err := json.NewEncoder(compressor).Encode(data); err != nil {
		return nil, err
	}
	if err := compressor.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func decompress(compressed []byte) (map[string]string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxDecodedBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxDecodedBytes {
		return nil, errors.New("more than a ConfigMap can have held")
	}
	var data map[string]string
	return data, json.Unmarshal(text, &data)
}
