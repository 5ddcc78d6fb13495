"""With encryption at rest all garbage is left to kube-controller-manager."""

import base64
import pathlib
import tempfile
import unittest

import workloads
from collector_case import (
    NAMESPACE, SKIP_LABEL, CollectorCase, is_labelled, owners_of, shirt)

ENCRYPTION = """
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aescbc: {{keys: [{{name: one, secret: {key}}}]}}
  - identity: {{}}
"""


def secret(name):
    return workloads.plain("Secret", name, NAMESPACE, stringData={"colour": "blue"})


class CollectorEncrypted(CollectorCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="kubase-encryption-")
        cls.addClassCleanup(cls.directory.cleanup)
        config = pathlib.Path(cls.directory.name) / "encryption.yaml"
        key = base64.b64encode(bytes(range(32))).decode()
        config.write_text(ENCRYPTION.format(key=key), encoding="utf-8")
        cls.start("--kube-apiserver-arg", f"encryption-provider-config={config}")
        cls.restart()

    def make_owned(self, name):
        """A shirt that has the label by hand, and a secret of it."""
        owner = shirt(name)
        owner["metadata"].setdefault("labels", {})[SKIP_LABEL] = ""
        owner = self.client.create(owner)
        return owner, self.make(secret(name), owner, blocks=True)

    def test_encrypted_orphans_stay(self):
        owner, orphan = self.make_owned("orphaning")
        self.delete(owner, "Orphan")
        self.wait_gone(owner)
        self.assertEqual(owners_of(self.find(orphan)), [])

    def test_encrypted_dependents_go_before_their_owner(self):
        owner, dependent = self.make_owned("foreground")
        self.delete(owner, "Foreground")
        self.wait_gone(owner)
        self.assertIsNone(self.find(dependent))

    def test_the_storage_collects_nothing_and_labels_nobody_and_says_so(self):
        owner, dependent = self.make_owned("background")
        self.delete(owner)
        self.wait_gone(owner, dependent)
        self.assertEqual(self.metric("kubase_gc_deleted_total"), 0)
        self.assertFalse(is_labelled(self.client.create(shirt("plain"))))
        log = self.appliance.log()
        self.assertIn("all garbage is left to kube-controller-manager", log)
        self.assertNotIn("cannot be read", log)


if __name__ == "__main__":
    unittest.main()
