"""What cannot work is refused by `up` and `serve`: one sentence, a failure, no damage."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import unittest

from appliance import KUBASE, Appliance, children_of, free_port

NOBODY = 65534


class BadInput(unittest.TestCase):
    def setUp(self):
        self.appliance = Appliance("--status-bind-address", "127.0.0.1:0")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.appliance.directory], check=False)

    def path(self, name):
        return os.path.join(self.appliance.directory, name)

    def up(self, *arguments):
        return self.appliance.command("up", "--secure-port", str(self.appliance.port),
                                      *self.appliance.arguments, *arguments)

    def serve(self, *arguments):
        return [KUBASE, "serve", "--listen-address", "127.0.0.1:0", "--metrics-bind-address", "0",
                *arguments]

    def refuse(self, command, *says, **options):
        """The command fails, and the last thing it says is one sentence with all of `says`."""
        result = subprocess.run(command, env=self.appliance.environment, capture_output=True,
                                stdin=subprocess.DEVNULL, text=True, timeout=120, check=False,
                                **options)
        self.assertGreater(result.returncode, 0, result.stdout)
        lines = result.stderr.splitlines()
        errors = [line for line in lines if not line.startswith(("I", "W", "E"))]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertEqual(lines[-1], errors[0])
        self.assertTrue(errors[0].startswith("error: "), errors[0])
        for text in says:
            self.assertIn(text, errors[0])
        return result

    def make_database(self):
        """A database of kubase with its schema, closed again."""
        path = self.path("kubase.db")
        process = subprocess.Popen(self.serve("--endpoint", path), stderr=subprocess.PIPE,
                                   env=self.appliance.environment, text=True)
        with process.stderr:
            while "serving" not in process.stderr.readline():
                self.assertIsNone(process.poll())
            process.terminate()
            process.wait()
        return path

    def content(self, path):
        with contextlib.closing(sqlite3.connect(path)) as database:
            return list(database.iterdump())

    def test_unknown_flag(self):
        self.refuse(self.up("--colour=blue"), "--colour", "--help")
        self.refuse(self.serve("--colour=blue"), "--colour", "--help")

    def test_unknown_endpoint_scheme(self):
        self.refuse(self.up("--endpoint", "mongodb://x"), "mongodb", "sqlite://")
        self.refuse(self.serve("--endpoint", "mongodb://x"), "mongodb", "sqlite://")

    def test_port_in_use(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", self.appliance.port))
            listener.listen()
            taken = f"127.0.0.1:{self.appliance.port}"
            self.refuse(self.up(), str(self.appliance.port), "in use", "--secure-port")
            self.refuse(self.up("--secure-port", str(free_port()), "--status-bind-address", taken),
                        str(self.appliance.port), "in use", "--status-bind-address")
            database = self.path("x.db")
            self.refuse(self.serve("--endpoint", database, "--listen-address", taken),
                        taken, "in use", "--listen-address")
            self.refuse(self.serve("--endpoint", database, "--metrics-bind-address", taken),
                        taken, "in use", "--metrics-bind-address")

    def test_data_directory_is_a_file(self):
        with open(self.appliance.data_dir, "w", encoding="utf-8"):
            pass
        self.refuse(self.up(), self.appliance.data_dir, "--data-dir")

    def test_corrupt_database(self):
        whole = self.make_database()
        with open(whole, "rb") as file:
            head = file.read(5000)
        for content in (b"not a database" * 1000, head, head[:4096] + b"x" * 45056):
            database = self.path("broken.db")
            with open(database, "wb") as file:
                file.write(content)
            for command in (self.up, self.serve):
                self.refuse(command("--endpoint", database), database, "damaged", "backup")
                self.assertEqual(os.path.getsize(database), len(content))

    def test_newer_database(self):
        database = self.make_database()
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE meta SET schema_version = 99")
        before = self.content(database)
        for command in (self.up, self.serve):
            self.refuse(command("--endpoint", database), database, "99", "newer kubase")
        self.assertEqual(self.content(database), before)

    def test_database_of_another_program(self):
        database = self.path("bookmarks.db")
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE bookmarks(url)")
        with open(database, "rb") as file:
            before = file.read()
        for command in (self.up, self.serve):
            self.refuse(command("--endpoint", database), database, "bookmarks", "another file")
        with open(database, "rb") as file:
            self.assertEqual(file.read(), before)

    def mount(self, *options):
        if os.geteuid() != 0:
            self.skipTest("only root may mount the small file system that this needs")
        folder = self.path("small")
        os.mkdir(folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no file system may be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        return folder

    def test_full_disk(self):
        folder = self.mount("size=16m")
        self.appliance.data_dir = os.path.join(folder, "data")
        self.refuse(self.up(), self.appliance.data_dir, "64 MiB", "free some space")
        with open(os.path.join(folder, "filler"), "wb", buffering=0) as filler, \
                contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * 65536)
        self.refuse(self.serve("--endpoint", os.path.join(folder, "x.db")), folder,
                    "No space left", "free some space")

    def test_read_only_file_system(self):
        folder = self.mount("size=16m", "ro")
        self.appliance.data_dir = os.path.join(folder, "data")
        self.refuse(self.up(), self.appliance.data_dir, "Read-only file system", "--data-dir")
        self.refuse(self.serve("--endpoint", os.path.join(folder, "x.db")), folder,
                    "Read-only file system")

    def test_unwritable_directory(self):
        options = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
        os.chmod(self.appliance.directory, 0o755)
        folder = self.path("closed")
        os.mkdir(folder, mode=0o555)
        self.appliance.data_dir = os.path.join(folder, "data")
        self.refuse(self.up(), self.appliance.data_dir, "Permission denied", "--data-dir",
                    **options)
        self.refuse(self.serve("--endpoint", os.path.join(folder, "x.db")), folder,
                    "Permission denied", "this user may write", **options)
        self.assertEqual(os.listdir(folder), [])

    def test_control_plane_that_cannot_run(self):
        folder = self.path("bin")
        self.refuse(self.up("--control-plane-dir", folder), folder, "not a directory")
        os.mkdir(folder)
        self.refuse(self.up("--control-plane-dir", folder), folder, "no kube-apiserver", "put it")
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("this is no program")
            os.chmod(path, 0o755)
        self.refuse(self.up("--control-plane-dir", folder), "kube-apiserver could not start",
                    folder, "damaged or was built for another processor")

    def test_kubeconfig_that_is_not_ours(self):
        config = self.path("config")
        self.appliance.environment["KUBECONFIG"] = config
        for content, why in (
                ("no: [kubeconfig", "is not a kubeconfig"),
                ("clusters: [{name: kubase-data, cluster: {}}]\n", "not kubase's")):
            with open(config, "w", encoding="utf-8") as file:
                file.write(content)
            result = self.refuse(self.up(), config, why, "left alone", "--kubeconfig")
            self.assertNotIn("kube-apiserver", result.stdout)  # it was told before the start
            with open(config, encoding="utf-8") as file:
                self.assertEqual(file.read(), content)

    def test_second_kubase_on_the_same_directory(self):
        self.addCleanup(self.appliance.close)
        self.appliance.up()
        pid = self.appliance.process.pid
        children = children_of(pid)
        self.refuse(self.up("--secure-port", str(free_port())), self.appliance.data_dir, str(pid),
                    "kubase down")
        database = os.path.join(self.appliance.data_dir, "db", "kubase.db")
        self.refuse(self.serve("--endpoint", database), database, str(pid), "stop it")
        self.assertTrue(self.appliance.is_ready())
        self.assertEqual(children_of(pid), children)


if __name__ == "__main__":
    unittest.main(verbosity=2)
