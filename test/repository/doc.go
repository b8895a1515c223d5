// Package repository checks what a newcomer relies on before any code runs: the
// layout, the pinned tools, the targets of the Makefile, and that the README and
// the pages under docs/ say what is so.
package repository
