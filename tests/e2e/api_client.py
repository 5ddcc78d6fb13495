"""A client of an appliance's kube-apiserver that keeps its connections, for many requests."""

import base64
import concurrent.futures
import http.client
import json
import os
import ssl
import threading
import urllib.parse

from appliance import wait_until

ANSWER_SECONDS = 60  # of silence, also of a watch; generous, for busy machines
WRITERS = 4


class ApiError(Exception):
    """An answer that is no success; `status` is what kube-apiserver says about it."""

    def __init__(self, method, target, code, body):
        super().__init__(f"{method} {target}: {code} {body}")
        self.code = code
        self.status = json.loads(body) if body.startswith("{") else {"message": body}


class Watch:
    """The events of one watch, in their order."""

    def __init__(self, connection, response):
        self.connection = connection
        self.response = response

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.connection.close()

    def next(self):
        line = self.response.readline()
        if not line:
            raise AssertionError("the watch ended where an event was expected")
        event = json.loads(line)
        if event["type"] == "ERROR":
            raise AssertionError(f"the watch failed: {event['object']}")
        return event

    def take(self, count):
        return [self.next() for _ in range(count)]


class ApiClient:
    """As administrator, by the certificate of the appliance's kubeconfig. Any thread."""

    def __init__(self, appliance):
        config = json.loads(appliance.kubectl("config", "view", "--raw", "-o", "json").stdout)
        self.address = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
        self.tls = self._tls(appliance.directory, config)
        self.local = threading.local()
        self.connections = []  # of all threads

    def close(self):
        for connection in self.connections:
            connection.close()

    @staticmethod
    def _tls(directory, config):
        def pem(holder, name):
            return base64.b64decode(holder[name]).decode()
        user = config["users"][0]["user"]
        tls = ssl.create_default_context(
            cadata=pem(config["clusters"][0]["cluster"], "certificate-authority-data"))
        # The module reads certificates of its own from files only.
        identity = os.path.join(directory, "client.pem")
        with open(os.open(identity, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="ascii") as file:
            file.write(pem(user, "client-certificate-data") + pem(user, "client-key-data"))
        tls.load_cert_chain(identity)
        return tls

    def _connect(self):
        return http.client.HTTPSConnection(self.address.hostname, self.address.port,
                                           context=self.tls, timeout=ANSWER_SECONDS)

    def _send(self, connection, method, path, query, body=None, content_type="application/json"):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        connection.request(method, target, None if body is None else json.dumps(body),
                           {"Content-Type": content_type})
        response = connection.getresponse()
        if response.status >= 300:
            raise ApiError(method, target, response.status, response.read().decode())
        return response

    def request(self, method, path, body=None, content_type="application/json", **query):
        if not hasattr(self.local, "connection"):
            self.local.connection = self._connect()
            self.connections.append(self.local.connection)
        try:
            response = self._send(self.local.connection, method, path, query, body, content_type)
            return json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self.local.connection.close()  # the next request opens it again
            raise

    def get(self, path, **query):
        return self.request("GET", path, **query)

    def create(self, document):
        return self.request("POST", collection_of(document), document)

    def create_all(self, documents):
        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(self.create, documents))

    def patch(self, path, change):
        return self.request("PATCH", path, change, "application/merge-patch+json")

    def delete(self, path):
        return self.request("DELETE", path, {"gracePeriodSeconds": 0})

    def list(self, path, limit=None, **query):
        """The items of all pages of at most `limit`, and the revision of the list."""
        if limit is None:
            answer = self.get(path, **query)
            return answer["items"], answer["metadata"]["resourceVersion"]
        items, proceed = [], dict(query)
        while True:
            page = self.get(path, limit=limit, **proceed)
            items += page["items"]
            token = page["metadata"].get("continue")
            if len(page["items"]) > limit or token and len(page["items"]) < limit:
                raise AssertionError(f"a page of {len(page['items'])} for a limit of {limit}")
            if not token:
                return items, page["metadata"]["resourceVersion"]
            proceed = {name: query[name] for name in query if not name.startswith("resource")}
            proceed["continue"] = token

    def revision(self, path):
        return self.list(path, labelSelector="nobody=has-this")[1]

    def define(self, definition):
        """Creates a kind of custom resources, and waits until it is served."""
        self.create(definition)
        names, group = definition["spec"]["names"], definition["spec"]["group"]
        for version in definition["spec"]["versions"]:
            path = collection(f"{group}/{version['name']}", names["plural"])
            wait_until(lambda path=path: self.serves(path), 60, f"{path} is served")

    def serves(self, path, **query):
        try:
            self.get(path, limit=1, **query)
            return True
        except ApiError:
            return False

    def watch(self, path, **query):
        connection = self._connect()
        try:
            return Watch(connection,
                         self._send(connection, "GET", path, dict(query, watch="true")))
        except BaseException:
            connection.close()
            raise


def collection(api_version, resource, namespace=None):
    root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
    return f"{root}/namespaces/{namespace}/{resource}" if namespace else f"{root}/{resource}"


def collection_of(document):
    return collection(document["apiVersion"], document["kind"].lower() + "s",
                      document["metadata"].get("namespace"))
