package system

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

func TestAProcessIsWeighed(t *testing.T) {
	before, err := Weigh([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i := range 400_000_000 {
		sum += i * sum
	}
	block := bytes.Repeat([]byte{byte(sum) | 1}, 64<<20)
	after, err := Weigh([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	if after.CPU <= before.CPU || after.CPU > before.CPU+60 {
		t.Errorf("%.2f s of the processor before some work, %.2f s after", before.CPU, after.CPU)
	}
	if grown := after.Memory - before.Memory; grown < 48<<20 || after.Peak < after.Memory {
		t.Errorf("with %d bytes more it has %d bytes more, %d at most", len(block), grown, after.Peak)
	}
	if err := ResetPeak([]int{os.Getpid()}); err != nil {
		t.Error(err)
	}
}

func TestAProcessThatIsGoneIsAnError(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := Weigh([]int{os.Getpid(), cmd.Process.Pid}); err == nil {
		t.Error("a process that has ended weighs something")
	}
}

func TestAMetricIsAddedUpOverItsLabels(t *testing.T) {
	page := "# HELP a_total x\na_total_more{x=\"1\"} 9\na_total{x=\"}\"} 1\na_total{x=\"2\"} 2.5\na_total 1e3 1700000000000\nb 7\n"
	if n, err := Metric(page, "a_total"); err != nil || n != 1003.5 {
		t.Errorf("%v, %v", n, err)
	}
	for _, wrong := range []string{"c", "a"} {
		if n, err := Metric(page, wrong); err == nil {
			t.Errorf("%s is %v", wrong, n)
		}
	}
	if _, err := Metric("a x\n", "a"); err == nil {
		t.Error("a word is a number")
	}
}
