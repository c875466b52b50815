// Package style holds the laws of the house as tests: which package may import
// which, what the protocol's rooms may not do, how long a function or a file
// may be, and which words are the field's own. ARCHITECTURE.md gives the
// reasons; a law is changed there first.
//
// It has no code of its own and is imported by nobody.
package style
