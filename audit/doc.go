// Package audit judges from outside what the nodes of one cluster made
// durable, said and applied: is every slot's value one, was every promise kept,
// every vote remembered, every proposal safe, every answer true.
//
// It is not one of the rooms and shares no code with the rules that it judges,
// only the words of package paxos: what it believes is computed from what was
// written and sent, never asked of a role. It also keeps traces: files in which
// a process writes what the judge must see. Its neighbours: sim and test/chaos
// feed it, internal/node tells what happened (node.Tap), internal/ctl asks it
// about a running cluster.
package audit
