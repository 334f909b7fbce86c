// Reads rendered Kubernetes objects from standard input and holds each against the code that an API
// server runs: strict decoding into its type, the API's validation (names, selectors, ports, mounts,
// probes), and for what makes pods PodSecurity "restricted". The Prometheus Operator's kinds are
// decoded into its own types.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	reader "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	security "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	external "k8s.io/api/core/v1"
)

// namespaced gives an object a namespace where it has none, as kubectl does.
func namespaced(object *meta.ObjectMeta) {
	if object.Namespace == "" {
		object.Namespace = "default"
	}
}

// validate runs the API's validation of a new object. The second result is the pod template, if the
// kind has one.
func validate(object runtime.Object) (field.ErrorList, *core.PodTemplateSpec, error) {
	options := func(template *core.PodTemplateSpec) corevalidation.PodValidationOptions {
		return pod.GetValidationOptionsFromPodTemplate(template, nil)
	}
	switch object := object.(type) {
	case *apps.DaemonSet:
		namespaced(&object.ObjectMeta)
		template := &object.Spec.Template
		return appsvalidation.ValidateDaemonSet(object, options(template)), template, nil
	case *apps.Deployment:
		namespaced(&object.ObjectMeta)
		template := &object.Spec.Template
		return appsvalidation.ValidateDeployment(object, options(template)), template, nil
	case *apps.StatefulSet:
		namespaced(&object.ObjectMeta)
		template := &object.Spec.Template
		return appsvalidation.ValidateStatefulSet(
			object, appsvalidation.StatefulSetValidationOptions{}, options(template)), template, nil
	case *core.ConfigMap:
		namespaced(&object.ObjectMeta)
		return corevalidation.ValidateConfigMap(object), nil, nil
	case *core.Namespace:
		return corevalidation.ValidateNamespace(object), nil, nil
	case *core.Secret:
		namespaced(&object.ObjectMeta)
		return corevalidation.ValidateSecret(object), nil, nil
	case *core.Service:
		namespaced(&object.ObjectMeta)
		// The server fills it in before it validates.
		object.Spec.ClusterIPs = []string{object.Spec.ClusterIP}
		return corevalidation.ValidateServiceCreate(object), nil, nil
	case *core.ServiceAccount:
		namespaced(&object.ObjectMeta)
		return corevalidation.ValidateServiceAccount(object), nil, nil
	case *networking.NetworkPolicy:
		namespaced(&object.ObjectMeta)
		return networkingvalidation.ValidateNetworkPolicy(
			object, networkingvalidation.NetworkPolicyValidationOptions{}), nil, nil
	case *policy.PodDisruptionBudget:
		namespaced(&object.ObjectMeta)
		return policyvalidation.ValidatePodDisruptionBudget(
			object, policyvalidation.PodDisruptionBudgetValidationOptions{}), nil, nil
	}
	return nil, nil, fmt.Errorf("no validation is known for %T", object)
}

// custom decodes the kinds that the API server does not know.
func custom(kind meta.TypeMeta, document []byte) error {
	switch kind.Kind {
	case monitoring.PodMonitorsKind:
		return yaml.UnmarshalStrict(document, &monitoring.PodMonitor{})
	case monitoring.PrometheusRuleKind:
		return yaml.UnmarshalStrict(document, &monitoring.PrometheusRule{})
	}
	return errors.New("no type is known")
}

type checker struct {
	decoder    runtime.Decoder
	restricted podsecurity.Evaluator
}

func (checker *checker) check(document []byte) error {
	var kind meta.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return err
	}
	if kind.APIVersion == monitoring.SchemeGroupVersion.String() {
		return custom(kind, document)
	}
	object, _, err := checker.decoder.Decode(document, nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Kind, err)
	}
	found, template, err := validate(object)
	if err != nil {
		return err
	}
	if err := found.ToAggregate(); err != nil {
		return fmt.Errorf("%s: %w", kind.Kind, err)
	}
	if template == nil {
		return nil
	}
	var given external.PodTemplateSpec
	if err := corev1.Convert_core_PodTemplateSpec_To_v1_PodTemplateSpec(template, &given, nil); err != nil {
		return err
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	result := podsecurity.AggregateCheckResults(
		checker.restricted.EvaluatePod(level, &given.ObjectMeta, &given.Spec))
	if !result.Allowed {
		return fmt.Errorf("%s: PodSecurity restricted: %s", kind.Kind, result.ForbiddenDetail())
	}
	return nil
}

func run() error {
	restricted, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	strict := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	checker := &checker{decoder: strict.UniversalDecoder(), restricted: restricted}
	documents := reader.NewYAMLReader(bufio.NewReader(os.Stdin))
	var count int
	var found []error
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		count++
		found = append(found, checker.check(document))
	}
	if count == 0 {
		return errors.New("no objects")
	}
	if err := errors.Join(found...); err != nil {
		return err
	}
	fmt.Printf("%d objects are accepted by the API's validation and by PodSecurity restricted\n", count)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
