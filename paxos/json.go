package paxos

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// The JSON form, for people: the fields of the message, and beside them the
// header's "from", "to", "cluster" and "config", all of which may be left out.

// jsonHeader is the part of an envelope that is not the message.
type jsonHeader struct {
	Message string     `json:"message,omitempty"`
	From    NodeID     `json:"from,omitempty"`
	To      NodeID     `json:"to,omitempty"`
	Cluster *ClusterID `json:"cluster,omitempty"`
	Config  *Stamp     `json:"config,omitempty"`
}

var messageTypes = map[Kind]reflect.Type{}

func init() {
	for _, m := range []Message{Survey{}, Surveyed{}, Prepare{}, Promise{}, Accept{}, Accepted{}, Nack{}, Heartbeat{},
		Heard{}, Highest{}, HighestIs{}, Learn{}, CatchUp{}, Chosen{}, Voted{}, Finish{}, Propose{}, Proposed{},
		Refused{}, Notify{}, Handover{}, Init{}, Initialised{}, Form{}, Formed{}, Enroll{},
		Kept{}, StateIs{}, SnapshotAsk{}, SnapshotPart{}} {
		messageTypes[m.Kind()] = reflect.TypeOf(m)
	}
}

// EncodeJSON gives the JSON form of an envelope: one flat object.
func EncodeJSON(e Envelope) ([]byte, error) {
	h := jsonHeader{Message: e.Message.Kind().String(), From: e.From, To: e.To}
	if !e.Cluster.IsZero() {
		h.Cluster = &e.Cluster
	}
	if !e.Config.IsZero() {
		h.Config = &e.Config
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	// Nothing is escaped for the sake of HTML: values come back as they went.
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e.Message); err != nil {
		return nil, err
	}
	fields := bytes.TrimSpace(body.Bytes())
	if len(fields) == 2 {
		return head, nil
	}
	return append(append(head[:len(head)-1], ','), fields[1:]...), nil
}

// DecodeJSON reads the JSON form of an envelope that carries a message of the
// given kind. Unknown fields, wrong types and anything after the object are
// errors that say so in a sentence.
func DecodeJSON(kind Kind, b []byte) (Envelope, error) {
	var fields map[string]json.RawMessage
	if err := StrictJSON(b, &fields); err != nil {
		return Envelope{}, err
	}
	if fields == nil {
		return Envelope{}, errors.New("a JSON object is needed, not null")
	}
	head := map[string]json.RawMessage{}
	for _, name := range []string{"message", "from", "to", "cluster", "config"} {
		if f, ok := fields[name]; ok {
			head[name] = f
			delete(fields, name)
		}
	}
	var h jsonHeader
	if err := again(head, &h); err != nil {
		return Envelope{}, err
	}
	if h.Message != "" && h.Message != kind.String() {
		return Envelope{}, fmt.Errorf("this endpoint takes %q, not %q", kind.String(), h.Message)
	}
	e := Envelope{From: h.From, To: h.To}
	if h.Cluster != nil {
		e.Cluster = *h.Cluster
	}
	if h.Config != nil {
		e.Config = *h.Config
	}
	message := reflect.New(messageTypes[kind])
	if err := again(fields, message.Interface()); err != nil {
		return Envelope{}, err
	}
	e.Message = message.Elem().Interface().(Message)
	return checked(e)
}

// checked passes an envelope through the binary form, so that whatever is
// refused there (a node id with a blank in it, a key that is too long) is
// refused here too, and both forms give the very same message.
func checked(e Envelope) (Envelope, error) {
	got, err := DecodeEnvelope(AppendEnvelope(nil, e))
	if err != nil {
		return Envelope{}, errors.New(strings.TrimPrefix(err.Error(), e.Message.Kind().String()+": "))
	}
	return got, nil
}

func again(fields map[string]json.RawMessage, to any) error {
	b, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return StrictJSON(b, to)
}

// StrictJSON decodes exactly one JSON value without unknown fields. Its errors
// are sentences for the person who wrote the JSON.
func StrictJSON(b []byte, to any) error {
	// The standard decoder would put U+FFFD where the bytes are no UTF-8, and
	// store what nobody sent.
	if !utf8.Valid(b) {
		return errors.New("the JSON is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err := dec.Decode(to)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		return errors.New("the body is empty; a JSON object is needed")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("malformed JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("field %q is a JSON %s; %s is needed", wrong.Field, wrong.Value, kindOfJSON(wrong.Type))
	case errors.As(err, &wrong):
		return fmt.Errorf("a JSON %s was given; %s is needed", wrong.Value, kindOfJSON(wrong.Type))
	default:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value; exactly one is needed")
	}
	return unambiguous(b)
}

func kindOfJSON(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint32:
		return "a whole number from 0 to 4294967295"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64"
		}
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a number"
	}
}
