// Package peers lists the systems that ours is measured against, builds their
// servers from their modules, and makes clusters of them.
//
// Each has a package below this one, which says with which settings it runs and
// why. What is asked of them is in bench/system; ours is there too.
package peers
