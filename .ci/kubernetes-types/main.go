// Reads rendered Kubernetes objects from standard input and holds each against the Go types that the
// API server and the Prometheus Operator decode it into: an unknown field, or a value of another type,
// is an error. What makes pods must pass PodSecurity "restricted", by the API server's own code.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	reader "k8s.io/apimachinery/pkg/util/yaml"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// typed returns an empty object of the kind, and the pod template in it if it has one.
func typed(apiVersion, kind string) (any, *core.PodTemplateSpec) {
	switch apiVersion + " " + kind {
	case "v1 ConfigMap":
		return &core.ConfigMap{}, nil
	case "v1 Namespace":
		return &core.Namespace{}, nil
	case "v1 Secret":
		return &core.Secret{}, nil
	case "v1 Service":
		return &core.Service{}, nil
	case "v1 ServiceAccount":
		return &core.ServiceAccount{}, nil
	case "apps/v1 DaemonSet":
		object := &apps.DaemonSet{}
		return object, &object.Spec.Template
	case "apps/v1 Deployment":
		object := &apps.Deployment{}
		return object, &object.Spec.Template
	case "apps/v1 StatefulSet":
		object := &apps.StatefulSet{}
		return object, &object.Spec.Template
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networking.NetworkPolicy{}, nil
	case "policy/v1 PodDisruptionBudget":
		return &disruption.PodDisruptionBudget{}, nil
	case "monitoring.coreos.com/v1 PodMonitor":
		return &monitoring.PodMonitor{}, nil
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &monitoring.PrometheusRule{}, nil
	}
	return nil, nil
}

func check(document []byte, restricted policy.Evaluator) error {
	var head meta.TypeMeta
	if err := yaml.Unmarshal(document, &head); err != nil {
		return err
	}
	object, template := typed(head.APIVersion, head.Kind)
	if object == nil {
		return fmt.Errorf("no type is known for %s %s", head.APIVersion, head.Kind)
	}
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return fmt.Errorf("%s: %w", head.Kind, err)
	}
	if template == nil {
		return nil
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	result := policy.AggregateCheckResults(
		restricted.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	if !result.Allowed {
		return fmt.Errorf("%s: PodSecurity restricted: %s", head.Kind, result.ForbiddenDetail())
	}
	return nil
}

func main() {
	restricted, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	documents := reader.NewYAMLReader(bufio.NewReader(os.Stdin))
	count, failed := 0, false
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			count++
			err = check(document, restricted)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
		}
	}
	if count == 0 {
		fmt.Fprintln(os.Stderr, "no objects")
		failed = true
	}
	if failed {
		os.Exit(1)
	}
	fmt.Printf("%d objects decode strictly, and their pods pass PodSecurity restricted\n", count)
}
