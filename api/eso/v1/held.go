package v1

import "k8s.io/apimachinery/pkg/util/validation/field"

// maxHeld bounds the values of one object on their way to the Secret: many
// entries may ask for one large secret, and the process is everybody's.
const maxHeld = 16 << 20

// held counts bytes.
type held int

func (h *held) add(value []byte, at *field.Path) error {
	if *h += held(len(value)); *h > maxHeld {
		return wrong(field.TooLong(at, "", maxHeld))
	}
	return nil
}

func (h *held) addAll(values map[string][]byte, at *field.Path) error {
	for _, value := range values {
		if err := h.add(value, at); err != nil {
			return err
		}
	}
	return nil
}
