package v1

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// textOf is what ESO writes of a JSON value: text as it is, nothing for null,
// and JSON for what has parts.
func textOf(value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(value), nil
	case bool:
		return strconv.AppendBool(nil, value), nil
	case json.Number:
		return []byte(value.String()), nil
	case map[string]any, []any:
		return json.Marshal(value)
	}
	return nil, fmt.Errorf("a value of type %T", value)
}

// plainNumbers writes numbers as ESO does where it has read a JSON document once
// more: as floating point. Whole numbers keep their digits, which ESO loses from
// 2^53 on.
func plainNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = plainNumbers(value[name])
		}
	case []any:
		for i := range value {
			value[i] = plainNumbers(value[i])
		}
	case json.Number:
		return plainNumber(value)
	}
	return value
}

func plainNumber(number json.Number) any {
	if !strings.ContainsAny(number.String(), ".eE") {
		return number
	}
	float, err := number.Float64()
	if err != nil {
		return number
	}
	return float
}

// textOfPlain is textOf of a value with plain numbers.
func textOfPlain(value any) ([]byte, error) {
	if float, ok := value.(float64); ok {
		return strconv.AppendFloat(nil, float, 'f', -1, 64), nil
	}
	return textOf(value)
}
