package informerfilter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clientfeatures "k8s.io/client-go/features"
	clientfeaturestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// selected is how the cluster notes a request that is filtered.
const selected = " !" + SkipLabel

func marked(object *unstructured.Unstructured) {
	object.SetLabels(map[string]string{SkipLabel: "true"})
}

// counts makes a quota that counts name.
func counts(name string) func(*unstructured.Unstructured) {
	return func(quota *unstructured.Unstructured) {
		quota.Object["spec"] = map[string]any{"hard": map[string]any{name: "5", "pods": "1"}}
	}
}

// migrates makes a migration of widgets with a condition that is true.
func migrates(condition string) func(*unstructured.Unstructured) {
	return func(migration *unstructured.Unstructured) {
		resource := map[string]any{"group": widgets.Group, "resource": widgets.Resource}
		migration.Object["spec"] = map[string]any{"resource": resource}
		conditions := []any{map[string]any{"type": condition, "status": "True"}}
		migration.Object["status"] = map[string]any{"conditions": conditions}
		migration.SetNamespace("")
	}
}

// manager has the informers of kube-controller-manager, behind one filter: that of widgets, and those
// of quotas and migrations.
type manager struct {
	t       *testing.T
	store   cache.Store // of widgets
	synced  func() bool
	deleted atomic.Int32 // how many widgets were reported as deleted

	mutex sync.Mutex
	told  map[string][]string // the widgets that were there when an object became known, by its name
}

// startManager starts the informers.
func startManager(t *testing.T, c *cluster) *manager {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	config := &rest.Config{Host: c.address}
	config.Wrap(New().Wrap)
	untyped, err := metadata.NewForConfig(rest.AddUserAgent(config, "metadata-informers"))
	if err != nil {
		t.Fatal(err)
	}
	typed, err := kubernetes.NewForConfig(rest.AddUserAgent(config, "shared-informers"))
	if err != nil {
		t.Fatal(err)
	}
	all := metadatainformer.NewSharedInformerFactory(untyped, 0)
	shared := informers.NewSharedInformerFactory(typed, 0)
	t.Cleanup(shared.Shutdown)
	t.Cleanup(all.Shutdown)
	t.Cleanup(cancel)
	of := all.ForResource(widgets).Informer()
	m := &manager{t: t, store: of.GetStore(), synced: of.HasSynced, told: map[string][]string{}}
	m.handle(of, cache.ResourceEventHandlerFuncs{DeleteFunc: func(any) { m.deleted.Add(1) }})
	tell := cache.ResourceEventHandlerFuncs{AddFunc: m.tell, UpdateFunc: func(_, object any) { m.tell(object) }}
	m.handle(shared.Core().V1().ResourceQuotas().Informer(), tell)
	m.handle(shared.Storagemigration().V1().StorageVersionMigrations().Informer(), tell)
	all.Start(ctx.Done())
	shared.Start(ctx.Done())
	return m
}

func (m *manager) handle(informer cache.SharedIndexInformer, handler cache.ResourceEventHandler) {
	if _, err := informer.AddEventHandler(handler); err != nil {
		m.t.Fatal(err)
	}
}

func (m *manager) tell(object any) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.told[object.(metav1.Object).GetName()] = m.names()
}

// names returns the names of the widgets that are there.
func (m *manager) names() []string {
	names := []string{}
	for _, key := range m.store.ListKeys() {
		names = append(names, strings.TrimPrefix(key, "default/"))
	}
	slices.Sort(names)
	return names
}

// expect waits until exactly the named widgets are there.
func (m *manager) expect(names ...string) {
	m.t.Helper()
	m.expectSoon(func() ([]string, bool) {
		got := m.names()
		return got, m.synced() && slices.Equal(got, names)
	}, names)
}

// expectTold waits until a quota or migration is known, and fails unless the named widgets were there
// before.
func (m *manager) expectTold(name string, names ...string) {
	m.t.Helper()
	var got []string
	m.expectSoon(func() (_ []string, known bool) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		got, known = m.told[name]
		return nil, known
	}, []string{name})
	if !slices.Equal(got, names) {
		m.t.Errorf("%s was known with the widgets %q, want %q", name, got, names)
	}
}

func (m *manager) expectSoon(test func() ([]string, bool), want []string) {
	m.t.Helper()
	var got []string
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var ok bool
		if got, ok = test(); ok {
			return
		}
	}
	m.t.Fatalf("there are %q; want %q", got, want)
}

// inBothModes runs a test with the two ways in which informers list.
func inBothModes(t *testing.T, test func(t *testing.T, c *cluster)) {
	for name, streams := range map[string]bool{"watch-list": true, "list": false} {
		t.Run(name, func(t *testing.T) {
			clientfeaturestesting.SetFeatureDuringTest(t, clientfeatures.WatchListClient, streams)
			c := newCluster(t)
			c.change("ADDED", widgetsPath, "marked", marked)
			c.change("ADDED", widgetsPath, "plain", nil)
			test(t, c)
		})
	}
}

func TestAQuotaIsKnownWhenWhatItCountsIsThere(t *testing.T) {
	inBothModes(t, func(t *testing.T, c *cluster) {
		c.change("ADDED", quotasPath, "others", counts("count/widgets.other.com"))
		m := startManager(t, c)
		m.expect("plain")
		c.change("ADDED", widgetsPath, "second", nil) // the watch has told something when it ends
		m.expect("plain", "second")
		for _, request := range c.takeRequests() {
			if !strings.HasSuffix(request, selected) {
				t.Errorf("before the quota: %q", request)
			}
		}

		c.change("ADDED", quotasPath, "quota", counts("count/widgets.example.com"))
		m.expectTold("quota", "marked", "plain", "second")
		c.change("DELETED", quotasPath, "quota", counts("count/widgets.example.com"))
		c.change("ADDED", widgetsPath, "later", marked)
		m.expect("later", "marked", "plain", "second")
		for _, request := range c.takeRequests() {
			if strings.HasSuffix(request, selected) {
				t.Errorf("after the quota: %q", request)
			}
		}
		if m.deleted.Load() != 0 {
			t.Errorf("%d objects look deleted", m.deleted.Load())
		}
	})
}

func TestAQuotaThatChangesCounts(t *testing.T) {
	c := newCluster(t)
	c.change("ADDED", widgetsPath, "marked", marked)
	c.change("ADDED", quotasPath, "quota", counts("count/configmaps"))
	m := startManager(t, c)
	m.expectTold("quota")
	m.expect()
	c.change("MODIFIED", quotasPath, "quota", counts("count/widgets.example.com"))
	c.change("ADDED", quotasPath, "next", counts("count/configmaps"))
	m.expectTold("next", "marked") // it comes after the change of the other
}

func TestAMigrationIsKnownWhenWhatItMigratesIsThere(t *testing.T) {
	inBothModes(t, func(t *testing.T, c *cluster) {
		c.change("ADDED", migrationsPath, "old", migrates("Succeeded"))
		c.change("ADDED", migrationsPath, "broken", migrates("Failed"))
		m := startManager(t, c)
		m.expect("plain")
		c.change("ADDED", migrationsPath, "new", migrates("Running"))
		m.expectTold("new", "marked", "plain")
	})
}

func TestQuotasAndMigrationsFromBeforeTheStartAreServed(t *testing.T) {
	inBothModes(t, func(t *testing.T, c *cluster) {
		c.change("ADDED", quotasPath, "quota", counts("count/widgets.example.com"))
		c.change("ADDED", migrationsPath, "migration", migrates("Running"))
		m := startManager(t, c)
		m.expect("marked", "plain")
		if m.deleted.Load() != 0 {
			t.Errorf("%d objects look deleted", m.deleted.Load())
		}
	})
}

// What one informer was given decides what it may go on with.
func TestARequestGoesOnOnlyFromAWholeList(t *testing.T) {
	w := newWholes()
	ctx := context.Background()
	list := read{resource: widgets.GroupResource(), path: widgetsPath, begins: true}
	page := read{resource: widgets.GroupResource(), path: widgetsPath}
	watch := read{resource: widgets.GroupResource(), path: widgetsPath, isWatch: true}
	other := watch
	other.resource.Resource, other.path = "others", "/apis/example.com/v1/others"

	expect := func(when string, read read, want verdict) *stream {
		t.Helper()
		got, open, _ := w.judge(ctx, read)
		if got != want {
			t.Errorf("%s: %v is judged %v, want %v", when, read, got, want)
		}
		return open
	}
	expect("before", list, isFiltered).release()
	expect("before", page, isFiltered).release()
	closed := expect("before", watch, isFiltered)
	closed.release()
	running, others := expect("before", watch, isFiltered), expect("before", other, isFiltered)

	w.enter(widgets.GroupResource(), klog.KRef("default", "quota"))
	if !running.isEnded() || others.isEnded() || closed.isEnded() {
		t.Errorf("ended: its watch %v, another's %v, a closed one %v",
			running.isEnded(), others.isEnded(), closed.isEnded())
	}
	expect("after a filtered list", page, expires)
	expect("after a filtered list", watch, expires)
	expect("another resource", other, isFiltered).release()
	expect("after", list, passes)
	expect("after a whole list", page, passes)
	expect("after a whole list", watch, passes)

	w.enterAll(errors.New("unreadable"))
	if !others.isEnded() {
		t.Error("a filtered watch stays when all resources are whole")
	}
	expect("all", other, expires)
	running.release()
	others.release()
	if len(w.open) != 0 {
		t.Errorf("%d watches are still known", len(w.open))
	}
}
