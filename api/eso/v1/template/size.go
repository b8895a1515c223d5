package template

import "reflect"

// maxDepth keeps what walks a value recursively off the end of the stack: a
// dict that was set into itself has no end.
const maxDepth = 100

// size is how large values are when written out: what a value holds twice
// counts twice.
type size struct{ bytes, entries int }

// maxValue is the limit of one value, maxArguments that of what a function takes.
func maxValue() size     { return size{bytes: 2 << 20, entries: 100_000} }
func maxArguments() size { return size{bytes: 4 << 20, entries: 200_000} }

// units is the price of a size. An entry is a value in an interface.
func (s size) units() int { return (s.bytes + 32*s.entries) >> 10 }

// sizeOf walks values, and no further than their limit.
func sizeOf(limit size, values []reflect.Value) (size, error) {
	m := meter{limit: limit}
	for _, value := range values {
		if err := m.add(value, 0); err != nil {
			return size{}, err
		}
	}
	return m.size, nil
}

type meter struct {
	size
	limit size
}

func (m *meter) add(value reflect.Value, depth int) error {
	if depth > maxDepth {
		return tooDeep
	}
	m.entries++
	if err := m.within(0); err != nil {
		return err
	}
	switch value.Kind() {
	case reflect.String:
		return m.within(value.Len())
	case reflect.Interface, reflect.Pointer:
		return m.add(value.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		return m.addElements(value, depth)
	case reflect.Map:
		return m.addPairs(value, depth)
	case reflect.Struct:
		return m.addFields(value, depth)
	default:
		return nil
	}
}

func (m *meter) addElements(value reflect.Value, depth int) error {
	if value.Type().Elem().Kind() == reflect.Uint8 {
		return m.within(value.Len())
	}
	for i := range value.Len() {
		if err := m.add(value.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) addPairs(value reflect.Value, depth int) error {
	for pairs := value.MapRange(); pairs.Next(); {
		if err := m.add(pairs.Key(), depth+1); err != nil {
			return err
		}
		if err := m.add(pairs.Value(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// addFields leaves out what a template cannot reach.
func (m *meter) addFields(value reflect.Value, depth int) error {
	for field, content := range value.Fields() {
		if !field.IsExported() {
			continue
		}
		if err := m.add(content, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) within(more int) error {
	m.bytes += more
	if m.bytes > m.limit.bytes || m.entries > m.limit.entries {
		return tooLarge
	}
	return nil
}

func sizeOfArgs(args ...any) (size, error) {
	return sizeOf(maxArguments(), reflected(args))
}

func reflected(args []any) []reflect.Value {
	values := make([]reflect.Value, len(args))
	for i, arg := range args {
		values[i] = reflect.ValueOf(arg)
	}
	return values
}
