"""The objects that the end-to-end tests create."""


GROUP = "stable.example.com"
TEXT = {"type": "string"}


def version(name, selectable, storage=True, **spec):
    """A version of a custom resource: the schema of its spec, and which fields can be selected."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": spec}},
    }
    return {
        "name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema},
        "selectableFields": [{"jsonPath": f".spec.{field}"} for field in selectable],
    }


def definition(kind, *versions):
    plural = kind.lower() + "s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP, "scope": "Namespaced", "versions": list(versions),
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
        },
    }


def shirt_definition():
    return definition("Shirt", version("v1", ["color"], color=TEXT, size=TEXT))


def custom(kind, name, namespace, version="v1", labels=None, **spec):
    """An object of a kind that `definition` defined."""
    return {
        "apiVersion": f"{GROUP}/{version}", "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, "spec": spec,
    }


def shirt(name, color="blue", namespace="default"):
    return custom("Shirt", name, namespace, labels={"color": color}, color=color, size="M")


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


def event(name, namespace="default", about="p", **more):
    return {
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"kind": "Pod", "name": about, "namespace": namespace},
        "reason": "Testing", "message": "an event that runs out", "type": "Normal", **more,
    }


def plain(kind, name, namespace=None, labels=None, api_version="v1", **more):
    """An object of any built-in kind; without a namespace one of the cluster."""
    metadata = {"name": name, "labels": labels or {}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def pod(name, namespace="default", labels=None, **spec):
    containers = [{"name": "main", "image": "registry.k8s.io/pause"}]
    return plain("Pod", name, namespace, labels, spec={"containers": containers, **spec})


def replication_controller(name, namespace, labels, replicas):
    template = {"metadata": {"labels": labels}, "spec": pod(name)["spec"]}
    return plain("ReplicationController", name, namespace, labels,
                 spec={"replicas": replicas, "selector": labels, "template": template})
