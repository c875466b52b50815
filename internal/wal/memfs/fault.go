package memfs

// Kind is a kind of operation on the disk.
type Kind string

// The kinds of operation, one per method of wal.FS and wal.File; closing a
// file and asking for its size never fail and are none.
const (
	CreateOp   Kind = "create"
	OpenOp     Kind = "open"
	RenameOp   Kind = "rename"
	RemoveOp   Kind = "remove"
	MkdirOp    Kind = "mkdir"
	ReadDirOp  Kind = "readdir"
	SyncDirOp  Kind = "syncdir"
	ReadOp     Kind = "read"
	WriteOp    Kind = "write"
	SyncOp     Kind = "sync"
	SyncDataOp Kind = "syncdata"
)

// Op is an operation about to be done.
type Op struct {
	N    int // counts the operations of the disk, from 1
	Kind Kind
	Name string
	Size int // of a read or write, in bytes
}

// Changes reports whether the operation is of a kind that changes the disk.
func (o Op) Changes() bool { return o.Kind != OpenOp && o.Kind != ReadDirOp && o.Kind != ReadOp }

// Fault makes an operation fail. A failed operation does nothing, but a write
// still writes its first Short bytes, and a failed sync leaves the file's pages clean.
type Fault struct {
	Err   error
	Short int
}

// Inject has every operation asked about before it is done; nil lets it pass.
// The question is asked with the disk locked: it must not use the disk.
func (d *Disk) Inject(fault func(Op) *Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

// Ops is how many operations the disk has been asked for.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

func (d *Disk) step(kind Kind, name string, size int) *Fault {
	d.ops++
	if d.fault == nil {
		return nil
	}
	return d.fault(Op{N: d.ops, Kind: kind, Name: name, Size: size})
}
