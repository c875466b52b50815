// Package awake keeps the runtime's looking thread from deep sleep, for programs
// that get a message every moment. It knows nothing of what they do.
package awake
