package manifests

import (
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// templates are the pods of everything that has some, also what is no node.
func templates(r *rendered) map[string]*corev1.PodTemplateSpec {
	all := map[string]*corev1.PodTemplateSpec{}
	for _, o := range r.objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			all["Deployment "+o.Name] = &o.Spec.Template
		case *appsv1.StatefulSet:
			all["StatefulSet "+o.Name] = &o.Spec.Template
		case *appsv1.DaemonSet:
			all["DaemonSet "+o.Name] = &o.Spec.Template
		case *batchv1.Job:
			all["Job "+o.Name] = &o.Spec.Template
		case *batchv1.CronJob:
			all["CronJob "+o.Name] = &o.Spec.JobTemplate.Spec.Template
		case *corev1.Pod:
			all["Pod "+o.Name] = &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
		}
	}
	return all
}

// checkRestricted asks what the API server's own admission plugin asks.
func checkRestricted(r *rendered) []string {
	var f findings
	all := templates(r)
	if len(all) < len(shapes[r.name].ids()) {
		f.say("there are %d pods only", len(all))
	}
	for name, template := range all {
		for _, why := range refused(template) {
			f.say("%s: %s", name, why)
		}
	}
	slices.Sort(f)
	return f
}

var evaluator = sync.OnceValues(func() (policy.Evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks(), nil) })

func refused(template *corev1.PodTemplateSpec) (why []string) {
	evaluator, err := evaluator()
	if err != nil {
		return []string{err.Error()}
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			why = append(why, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return why
}

// TestTheRestrictedProfileIsAsked: a pod without a security context is refused,
// for just the reasons that are known.
func TestTheRestrictedProfileIsAsked(t *testing.T) {
	bare := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{{Name: "bare", Image: "bare"}}}}
	why := strings.Join(refused(bare), "; ")
	for _, want := range []string{"allowPrivilegeEscalation", "unrestricted capabilities", "runAsNonRoot", "seccompProfile", "host namespaces"} {
		if !strings.Contains(why, want) {
			t.Errorf("a bare pod is refused because %q; %q is missing", why, want)
		}
	}
}
