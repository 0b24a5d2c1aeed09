"""The status page in a real browser: what it shows, its buttons, its token, dark and light, and that it asks for nothing
from elsewhere. Wants chromium, chromium-driver and python3-selenium; skipped, visibly, where they are not.
EVENKEEL_SCREENSHOTS is a directory to leave pictures in."""

import os
import shutil
import sys

import client
from backends import Backend, serve
from harness import main, port_of
from processes import free_port
from test_admin import CHECKS, TOKEN, AdminCase

try:
    from selenium import webdriver
except ImportError:
    sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, for another Python
    try:
        from selenium import webdriver
    except ImportError:
        webdriver = None


def why_not():
    if webdriver is None:
        return "no selenium (Debian package python3-selenium)"
    for name in ("chromium", "chromedriver"):
        if shutil.which(name) is None:
            return f"no {name} (Debian packages chromium, chromium-driver)"
    return None


class Page(AdminCase):
    def setUp(self):
        super().setUp()
        self.place = free_port()
        self.backends = [self.using(Backend(serve())) for _ in range(2)]
        self.silent = f"http://127.0.0.1:{free_port()}"
        self.port = port_of([*self.backends, self.silent], health=CHECKS)
        self.begin(self.port, admin={"listen": f"127.0.0.1:{self.place}", "token": "env:EVENKEEL_PAGE_TOKEN"},
                   env={"EVENKEEL_PAGE_TOKEN": TOKEN})
        self.proxy.wait_up(*self.backends)
        self.proxy.wait_event("target_down", target=self.silent)

    def browser(self, scheme="light", width=1280):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={width},900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver")) if hasattr(
            webdriver, "ChromeService") else webdriver.chrome.service.Service(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        self.addCleanup(driver.quit)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        driver.get(f"http://127.0.0.1:{self.place}/")
        return driver

    def text(self, driver):
        return driver.execute_script("return document.body.innerText")

    def let_in(self, driver):
        box = self.eventually(lambda: driver.find_elements("css selector", "#notice input"), "the token is asked for")[0]
        box.send_keys(TOKEN + "\n")
        self.eventually(lambda: driver.find_elements("css selector", "main section tr td"), "the targets are shown")

    def picture(self, driver, name):
        if directory := os.environ.get("EVENKEEL_SCREENSHOTS"):
            driver.save_screenshot(f"{directory}/{name}.png")

    def test_it_shows_what_there_is_and_obeys(self):
        for _ in range(20):
            client.get(self.port[0])
        driver = self.browser()
        self.assertNotIn(self.silent, self.text(driver))
        self.let_in(driver)
        shown = self.text(driver)
        for what in (self.backends[0].url, self.silent, "roundrobin", "up", "down", "connect_refused", "20 done"):
            self.assertIn(what, shown)
        drain = driver.find_element("css selector", f'button[aria-label="Drain {self.backends[0].url}"]')
        drain.click()
        self.eventually(lambda: self.shown(self.backends[0].url)["state"] == "draining", "it drains")
        enable = f'button[aria-label="Enable {self.backends[0].url}"]'
        self.eventually(lambda: driver.find_elements("css selector", enable), "it can be enabled")
        self.picture(driver, "light")
        driver.find_element("css selector", enable).click()
        self.eventually(lambda: self.shown(self.backends[0].url)["state"] == "enabled", "it is enabled")
        # Nothing was wrong, but that a token was wanted, and nothing came from elsewhere.
        severe = [each["message"] for each in driver.get_log("browser") if each["level"] == "SEVERE"]
        self.assertEqual([each for each in severe if "401" not in each and "favicon" not in each], [])
        asked = driver.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
        self.assertEqual([each for each in asked if not each.startswith(f"http://127.0.0.1:{self.place}/")], [])

    def test_dark_and_narrow(self):
        driver = self.browser("dark", 420)
        self.let_in(driver)
        back = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        self.assertLess(sum(int(part) for part in back.strip("rgb()").split(",")), 150)
        # What is wide scrolls within its card.
        self.assertLessEqual(driver.execute_script("return document.documentElement.scrollWidth"),
                             driver.execute_script("return window.innerWidth"))
        self.picture(driver, "dark")

    def test_a_wrong_token_is_asked_for_again(self):
        driver = self.browser()
        box = self.eventually(lambda: driver.find_elements("css selector", "#notice input"), "the token is asked for")[0]
        box.send_keys("wrong\n")
        self.let_in(driver)


if __name__ == "__main__":
    if lacking := why_not():
        print(f"SKIPPED: {lacking}")
        sys.exit(77)
    main()
