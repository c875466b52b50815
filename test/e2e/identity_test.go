package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	admission "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"paxos/paxos"
)

const policy = "paxos-one-pod-per-node"

func (w *world) ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), kubectlLimit)
}

// onePodPerNode: more than one replica is refused; without the policy, a second
// pod of an acceptor finds its data directory locked, does not vote, and breaks nothing.
func onePodPerNode(w *world) {
	const two = `{"spec":{"replicas":2}}`
	for _, args := range [][]string{
		{"scale", "deployment", "acceptor1", "--replicas=2"},
		{"patch", "deployment", "acceptor1", "-p", two},
		{"patch", "deployment", "acceptor1", "--subresource=scale", "--type=merge", "-p", two},
	} {
		p := w.tryKubectl(args...)
		if p.exit == 0 || !strings.Contains(p.stderr, policy) || !strings.Contains(p.stderr, "acceptor1 is one node of the cluster") {
			w.t.Errorf("it must be refused, with the reason: %v", p)
		}
	}
	for _, id := range ids {
		if p := w.tryKubectl("scale", "deployment", string(id), "--replicas=2", "--dry-run=server"); p.exit == 0 || !strings.Contains(p.stderr, policy) {
			w.t.Errorf("it must be refused: %v", p)
		}
	}

	before := w.starts()
	l := w.write(4)
	l.goesOn(50)
	restore := w.withoutPolicy()
	defer restore()
	w.within(10*time.Second, "two replicas are possible without the policy", func() bool {
		return w.tryKubectl("scale", "deployment", "acceptor1", "--replicas=2").exit == 0
	})
	w.secondPodIsLockedOut(before)
	l.goesOn(200)
	w.scale(1, "acceptor1")
	w.within(podLimit, "one pod of acceptor1 is left", func() bool { return len(w.pods()["acceptor1"]) == 1 })
	w.takesPart("acceptor1")
	l.end()
	l.allAcknowledged()
	w.noRestartsOf(before)
	w.judge()
}

// secondPodIsLockedOut waits until the second process says that the directory
// is another's; then that pod is not ready.
func (w *world) secondPodIsLockedOut(before map[string]int32) {
	w.t.Helper()
	var second core.Pod
	w.within(podLimit, "the second pod of acceptor1 finds its data directory locked", func() bool {
		for _, p := range w.pods()["acceptor1"] {
			if _, old := before["acceptor1 ("+string(p.UID)+")"]; old {
				continue
			}
			second = p
			log := w.tryKubectl("logs", p.Name).all() + w.tryKubectl("logs", "--previous", p.Name).all()
			if strings.Contains(log, "is held by") {
				w.t.Logf("%s: %s", p.Name, lastLine(log, "is held by"))
				return true
			}
		}
		return false
	})
	if _, ok := ready(second); ok {
		w.t.Errorf("%s is ready: two processes of one acceptor", second.Name)
	}
}

// lastLine is the last line of a text with a word in it.
func lastLine(text, word string) string {
	last := ""
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			last = strings.TrimSpace(line)
		}
	}
	return last
}

// noRestartsOf is noRestarts for the pods that were there before only.
func (w *world) noRestartsOf(before map[string]int32) {
	w.t.Helper()
	now := w.starts()
	for pod, was := range before {
		if n, there := now[pod]; !there || n > was {
			w.t.Errorf("%s: it is gone, or was restarted (%d times before, %d now)", pod, was, n)
		}
	}
}

// withoutPolicy takes the policy's binding away, and gives what puts it back.
func (w *world) withoutPolicy() (restore func()) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	bindings := w.kube.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	old, err := bindings.Get(ctx, policy, meta.GetOptions{})
	w.must(err)
	w.must(bindings.Delete(ctx, policy, meta.DeleteOptions{}))
	return func() {
		w.t.Helper()
		ctx, cancel := w.ctx()
		defer cancel()
		fresh := &admission.ValidatingAdmissionPolicyBinding{
			ObjectMeta: meta.ObjectMeta{Name: old.Name, Labels: old.Labels, Annotations: old.Annotations}, Spec: old.Spec}
		_, err := bindings.Create(ctx, fresh, meta.CreateOptions{})
		w.must(err)
		w.within(10*time.Second, "the policy refuses again", func() bool {
			return w.tryKubectl("scale", "deployment", "acceptor1", "--replicas=2", "--dry-run=server").exit != 0
		})
	}
}

// lostDisk: an acceptor's claim is deleted and made anew, empty: it never
// votes, explain says why, and the others go on. Its disk is put back at the end.
func lostDisk(w *world) {
	const id = paxos.NodeID("acceptor3")
	l := w.write(4)
	l.goesOn(50)
	w.scale(0, id)
	w.gone(id)
	old, volume := w.takeDisk(string(id))
	w.putDisk(old, "")
	w.scale(1, id)
	var now acceptorState
	w.within(podLimit, "acceptor3 answers, mute", func() bool {
		return get(id, "/health", &now) == http.StatusOK && now.Status == "mute"
	})
	w.t.Logf("acceptor3 says: %s", now.Why)
	l.goesOn(500)
	l.end()
	l.allAcknowledged()
	w.neverVoted(id)
	p := w.paxosctl("explain")
	if !strings.Contains(p.stdout, "acceptor3 has lost its disk, and never votes") || !strings.Contains(p.stdout, "a lost disk never votes") {
		w.t.Errorf("explain does not say that acceptor3 has lost its disk: %v", p)
	} else {
		w.t.Logf("explain, after %v:\n%s", p.took.Round(time.Millisecond), p.stdout)
	}

	w.scale(0, id)
	w.gone(id)
	empty, _ := w.takeDisk(string(id))
	w.putDisk(old, volume)
	w.dropVolume(empty.Spec.VolumeName)
	l = w.write(2)
	w.scale(1, id)
	w.takesPart(id)
	l.end()
	w.reclaim(volume, core.PersistentVolumeReclaimDelete)
	w.judge()
}

// neverVoted looks at all that an acceptor has done since it started.
func (w *world) neverVoted(id paxos.NodeID) {
	w.t.Helper()
	var log struct {
		Events []struct {
			Kind string `json:"kind"`
		} `json:"events"`
	}
	if status := get(id, "/view-logs?limit=10000&kind=accepted,promise", &log); status != http.StatusOK || len(log.Events) > 0 {
		w.t.Errorf("%s promised or accepted something on an empty disk: status %d, %v", id, status, log.Events)
	}
	var state acceptorState
	if get(id, "/health", &state) != http.StatusOK || state.Status != "mute" || state.State.Highest != 0 {
		w.t.Errorf("%s does not stay mute: %+v", id, state)
	}
	if status := get(id, "/highest", &json.RawMessage{}); status == http.StatusOK {
		w.t.Errorf("%s answers a quorum read", id)
	}
	if _, _, ok := w.pod(id); ok {
		w.t.Errorf("the pod of %s is ready, and %s does not vote", id, id)
	}
}

// takeDisk deletes a claim and keeps its volume.
func (w *world) takeDisk(claim string) (old *core.PersistentVolumeClaim, volume string) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	claims := w.kube.CoreV1().PersistentVolumeClaims(namespace)
	old, err := claims.Get(ctx, claim, meta.GetOptions{})
	w.must(err)
	volume = old.Spec.VolumeName
	w.reclaim(volume, core.PersistentVolumeReclaimRetain)
	w.must(claims.Delete(ctx, claim, meta.DeleteOptions{}))
	w.within(podLimit, "the claim "+claim+" is deleted", func() bool {
		ctx, cancel := w.ctx()
		defer cancel()
		_, err := claims.Get(ctx, claim, meta.GetOptions{})
		return errors.IsNotFound(err)
	})
	return old, volume
}

// putDisk makes a claim anew: for a fresh volume, or for one that was kept.
func (w *world) putDisk(like *core.PersistentVolumeClaim, volume string) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	fresh := &core.PersistentVolumeClaim{ObjectMeta: meta.ObjectMeta{Name: like.Name, Labels: like.Labels}, Spec: *like.Spec.DeepCopy()}
	fresh.Spec.VolumeName = volume
	if last := "kubectl.kubernetes.io/last-applied-configuration"; like.Annotations[last] != "" {
		fresh.Annotations = map[string]string{last: like.Annotations[last]}
	}
	if volume != "" {
		// A volume that was bound waits for its old claim until it is told not to.
		_, err := w.kube.CoreV1().PersistentVolumes().Patch(ctx, volume, types.MergePatchType,
			[]byte(`{"spec":{"claimRef":null}}`), meta.PatchOptions{})
		w.must(err)
	}
	_, err := w.kube.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, fresh, meta.CreateOptions{})
	w.must(err)
}

// reclaim says what becomes of a volume without a claim. One that is released
// loses its data as soon as this is Delete.
func (w *world) reclaim(volume string, policy core.PersistentVolumeReclaimPolicy) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	patch := fmt.Sprintf(`{"spec":{"persistentVolumeReclaimPolicy":%q}}`, policy)
	_, err := w.kube.CoreV1().PersistentVolumes().Patch(ctx, volume, types.MergePatchType, []byte(patch), meta.PatchOptions{})
	w.must(err)
}

func (w *world) dropVolume(volume string) {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	w.must(w.kube.CoreV1().PersistentVolumes().Delete(ctx, volume, meta.DeleteOptions{}))
}
