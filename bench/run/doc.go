// Package run is the bench: which rows there are, how a cell is measured, in what
// order systems take turns, and the command line over all that.
//
// A pair of turns is ours and then each peer of a row, one after the other on the
// same machine: never two at once, always on empty directories. What a load is is
// in bench/load, what a system is in bench/system, what comes of it in
// bench/report.
package run
