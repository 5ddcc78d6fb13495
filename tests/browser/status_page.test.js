// What a person sees of the status page, in a real browser. See run.sh.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { DemoServer } from "./demo_server.js";

const scenarios = ["healthy", "shim-alone", "starting", "degraded", "down", "crowded", "hostile"];
const launchArguments = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Chromium's sandbox cannot run as root, as tests in a container do.
  ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
];

let server;
let browser;

before(async () => {
  server = await DemoServer.start(process.env.DEMO_SERVER);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: launchArguments });
});

after(async () => {
  await browser?.close();
  await server?.end();
});

// A page whose every complaint and every foreign request is collected; `check` ends with none.
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url)) complaints.push(`request to ${request.url()}`);
  });
  if (options.javaScriptEnabled !== false) {
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
      );
    });
  }
  await page.goto(server.url);
  if (options.javaScriptEnabled !== false) await page.waitForSelector("html[data-ready]");
  const close = async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  };
  return { page, context, complaints, close };
}

async function show(scenario) {
  await server.tell(`show ${scenario}`);
}

const sentenceOf = (page) => page.locator("h1").innerText();
const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

describe("what it says", () => {
  for (const [scenario, title, sentence] of [
    [
      "healthy",
      "Healthy · kubase",
      /^Healthy: all 3 processes are ready and the database answers\.$/,
    ],
    [
      "degraded",
      "Degraded · kubase",
      /^Degraded because kube-controller-manager has ended 8 times .*\. There is 1 more problem\.$/,
    ],
    ["down", "Down · kubase", /^Down because the database default cannot be reached: .*\.$/],
    [
      "starting",
      "Degraded · kubase",
      /^Degraded because kube-apiserver is starting\. There are 2 more problems\.$/,
    ],
    ["shim-alone", "Healthy · kubase", /^Healthy: the database answers\.$/],
  ]) {
    test(`${scenario}: title, sentence and icon agree`, async () => {
      await show(scenario);
      const { page, close } = await open();
      assert.equal(await page.title(), title);
      assert.match(await sentenceOf(page), sentence);
      const level = title.split(" ")[0].toLowerCase();
      assert.equal(await page.getAttribute("html", "data-level"), level);
      assert.match(
        await page.getAttribute("#icon", "href"),
        new RegExp(`icon-${level}\\.[0-9a-f]{12}\\.svg$`),
      );
      await close();
    });
  }

  test("states are words beside their icons", async () => {
    await show("degraded");
    const { page, close } = await open();
    const pills = page.locator("#process-1 .pill");
    assert.equal(await pills.innerText(), "waiting to restart");
    assert.equal(await pills.locator("svg").count(), 1);
    assert.match(await page.locator("#certificates-table").innerText(), /ended 2 days ago/);
    await close();
  });

  test("a hostile status stays text and runs nothing", async () => {
    await show("hostile");
    const { page, close } = await open();
    assert.equal(await page.title(), "Degraded · kubase");
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.match(
      await page.locator("#log-1-lines").innerText(),
      /<script>document.title='taken'<\/script>/,
    );
    await close();
  });

  test("a thousand kinds and fifty databases render quickly, folded", async () => {
    await show("crowded");
    const { page, close } = await open();
    assert.equal(await page.locator("#kinds-table > table tbody tr").count(), 20);
    assert.equal(await page.locator("#kinds-rest").getAttribute("open"), null);
    const { duration, transferred } = await page.evaluate(() => {
      const timing = performance.getEntriesByType("navigation")[0];
      return {
        duration: timing.domInteractive - timing.responseStart,
        transferred: timing.transferSize,
      };
    });
    assert.ok(duration < 1000, `${duration} ms until interactive`);
    assert.ok(transferred < 300_000, `${transferred} bytes`);
    await close();
  });
});

describe("how it looks", () => {
  for (const scenario of scenarios) {
    test(`${scenario}: no horizontal scrolling from 320 to 1440 px`, async () => {
      await show(scenario);
      const { page, close } = await open();
      for (const width of [320, 360, 768, 1440]) {
        await page.setViewportSize({ width, height: 800 });
        assert.ok((await overflow(page)) <= 0, `too wide at ${width} px`);
      }
      await close();
    });
  }

  test("light and dark differ, and both are readable", async () => {
    await show("degraded");
    const seen = [];
    for (const colorScheme of ["light", "dark"]) {
      const { page, close } = await open({ colorScheme });
      seen.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      assert.deepEqual(await page.evaluate(lowContrast), [], colorScheme);
      await close();
    }
    assert.notEqual(seen[0], seen[1]);
  });

  test("screenshots show something", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kubase-browser-"));
    try {
      for (const [scenario, width, colorScheme] of [
        ["healthy", 1440, "light"],
        ["degraded", 768, "dark"],
        ["down", 360, "light"],
      ]) {
        await show(scenario);
        const { page, close } = await open({ colorScheme, viewport: { width, height: 800 } });
        const picture = await page.screenshot({
          path: join(folder, `${scenario}.png`),
          fullPage: true,
        });
        // A blank page of this size compresses to about 5 kB.
        assert.ok(picture.length > 30_000, `${scenario}: ${picture.length} bytes`);
        await close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

// Runs in the page: texts whose contrast with what is behind them is below 4.5 (WCAG AA).
function lowContrast() {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility()) continue;
    const [a, b] = [
      luminance(parse(getComputedStyle(element).color)),
      luminance(background(element)),
    ];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${node.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return low;
}

describe("without scripts", () => {
  test("everything is there, and the page reloads by itself", async () => {
    await show("degraded");
    const { page, close } = await open({ javaScriptEnabled: false });
    assert.match(await sentenceOf(page), /^Degraded because /);
    assert.match(await page.locator("#process-1").innerText(), /Last end: 12 s ago it exited with/);
    assert.match(await page.locator("footer").innerText(), /reloads every 10 seconds/);
    assert.equal(await page.locator("#copy-kubectl").isVisible(), false);
    assert.match(
      await page.content(),
      /<noscript><meta http-equiv="refresh" content="10"><\/noscript>/,
    );
    await close();
  });
});

describe("for everybody", () => {
  test("landmarks, one heading of the first level, named tables and sections", async () => {
    await show("healthy");
    const { page, close } = await open();
    for (const landmark of ["main", "banner", "contentinfo", "navigation"]) {
      assert.equal(await page.getByRole(landmark).count(), 1, landmark);
    }
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
    assert.equal(
      await page.locator("table").count(),
      await page.locator("table > caption").count(),
    );
    assert.equal(await page.locator("table td:first-child").count(), 0, "rows start with a header");
    assert.equal(await page.locator("section:not([aria-labelledby])").count(), 0);
    assert.equal(await page.getAttribute("html", "lang"), "en");
    const ids = await page.locator("[id]").evaluateAll((all) => all.map((element) => element.id));
    assert.equal(new Set(ids).size, ids.length, "ids are unique");
    await close();
  });

  test("the keyboard reaches the skip link, the copy button, logs and links, visibly", async () => {
    await show("healthy");
    const { page, close } = await open();
    const reached = [];
    for (let i = 0; i < 20; ++i) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => ({
        name: document.activeElement.id || document.activeElement.getAttribute("href"),
        outlined: getComputedStyle(document.activeElement).outlineStyle !== "none",
      }));
      if (at.name === null || reached.includes(at.name)) break;
      assert.ok(at.outlined, `${at.name} shows its focus`);
      reached.push(at.name);
    }
    for (const name of [
      "#main",
      "copy-kubectl",
      "checks-summary",
      "log-0-summary",
      "/api/status",
      "/metrics",
    ]) {
      assert.ok(reached.includes(name), `${name} in ${reached}`);
    }
    await page.locator("#log-0-summary").focus();
    await page.keyboard.press("Enter");
    assert.ok(await page.locator("#log-0-lines").isVisible());
    await close();
  });

  test("the kubectl command can be copied", async () => {
    await show("healthy");
    const { page, context, close } = await open();
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.locator("#copy-kubectl").click();
    await page.getByText("Copied").waitFor();
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      "kubectl --kubeconfig=/var/lib/kubase/kubeconfig get pods -A",
    );
    await close();
  });
});

describe("while it is open", () => {
  test("it follows the state and leaves the reader alone", async () => {
    await show("healthy");
    const { page, close } = await open();
    await page.locator("#log-0-summary").click();
    await page.locator("#log-0-lines").evaluate((pre) => {
      pre.scrollTop = 40;
    });
    await page.locator("#log-0-summary").focus();
    await page.evaluate(() => window.scrollTo(0, 120));
    await show("down");
    await page.waitForSelector('html[data-level="down"]');
    assert.equal(await page.title(), "Down · kubase");
    assert.match(await sentenceOf(page), /^Down because /);
    await show("healthy");
    await page.waitForSelector('html[data-level="healthy"]');
    assert.equal(await page.evaluate(() => document.activeElement.id), "log-0-summary");
    assert.equal(await page.evaluate(() => window.scrollY), 120);
    await close();
  });

  test("an open log stays open and where it was while values change", async () => {
    await show("healthy");
    const { page, close } = await open();
    await page.locator("#log-0-summary").click();
    await page.locator("#log-0-lines").evaluate((pre) => {
      pre.scrollTop = 40;
    });
    const before = await page.locator("#read-at").innerText();
    await page.waitForFunction(
      (text) => document.getElementById("read-at").textContent !== text,
      before,
    );
    assert.ok(await page.locator("#log-0-lines").isVisible());
    assert.equal(await page.locator("#log-0-lines").evaluate((pre) => pre.scrollTop), 40);
    await close();
  });

  test("it says when nobody answers any more, and recovers", async () => {
    await show("healthy");
    const { page, complaints, context } = await open();
    await server.tell("stop");
    await page.locator("#stale").waitFor({ state: "visible", timeout: 6_000 });
    assert.match(await page.locator("#stale").innerText(), /^kubase has not answered for \d+ s\./);
    await server.tell("start");
    await page.locator("#stale").waitFor({ state: "hidden" });
    await context.close();
    // The browser itself notes each refused connection; nothing else may be wrong.
    assert.deepEqual(
      complaints.filter((text) => !text.includes("net::ERR_CONNECTION_REFUSED")),
      [],
    );
  });
});
