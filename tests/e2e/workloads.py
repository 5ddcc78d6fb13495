"""The objects that the end-to-end tests create."""


def shirt_definition():
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {
            "color": {"type": "string"}, "size": {"type": "string"}}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "shirts.stable.example.com"},
        "spec": {
            "group": "stable.example.com", "scope": "Namespaced",
            "names": {"plural": "shirts", "singular": "shirt", "kind": "Shirt"},
            "versions": [{
                "name": "v1", "served": True, "storage": True,
                "schema": {"openAPIV3Schema": schema},
                "selectableFields": [{"jsonPath": ".spec.color"}],
            }],
        },
    }


def shirt(name, color="blue", namespace="default"):
    return {
        "apiVersion": "stable.example.com/v1", "kind": "Shirt",
        "metadata": {"name": name, "namespace": namespace, "labels": {"color": color}},
        "spec": {"color": color, "size": "M"},
    }


def config_map(name, namespace="default", **data):
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace}, "data": data,
    }


def deployment(name, replicas, namespace="default"):
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "registry.k8s.io/pause"}]},
            },
        },
    }


def event(name, namespace="default"):
    return {
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace},
        "reason": "Testing", "message": "an event that runs out", "type": "Normal",
    }
