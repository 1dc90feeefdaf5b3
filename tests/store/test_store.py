import subprocess
import sys

from etude.store import Store


def test_import_brings_no_sqlalchemy():
    code = "import etude.store, sys; sys.exit('sqlalchemy' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_readonly_store_brings_no_jax(tmp_path, study_of):
    path = tmp_path / "etude.db"
    with Store.open(path) as store:
        store.begin(study_of())
    code = (
        "import sys; from etude.store import Store\n"
        "store = Store.open(sys.argv[1], readonly=True)\n"
        "assert store.load('sweep').members and store.studies()\n"
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], timeout=60).returncode == 0


def test_results_outlive_the_store(tmp_path, study_of, finished, same):
    path = tmp_path / "etude.db"
    record = study_of()
    with Store.open(path) as store:
        store.begin(record)
        store.save([finished(member) for member in record.members])
    with Store.open(f"sqlite:///{path}", readonly=True) as store:
        for one, member in zip(store.load("sweep", True).members, record.members, strict=True):
            assert same(one, finished(member))
