// Package release checks what is published: that the recipe in .ci/release makes
// the same bytes each time, that what it makes is complete, and that the
// Dockerfile builds the same binary. It builds the product, so it takes minutes
// the first time.
package release
