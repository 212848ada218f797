//! How the program starts, refuses to start, and ends: exit codes and the one line it says.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::program::{Program, certq, run};
use crate::register::Register;

/// Exit code and stderr of `certq COMMAND --config` on this register.
fn refused(command: &str, register: &Register) -> (i32, String) {
    let config = register.path("certq.toml");
    let output = run(&[command, "--config", &config.to_string_lossy()]);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[track_caller]
fn assert_one_line(text: &str, parts: &[&str]) {
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("certq: "), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn wrong_usage_is_64_and_help_is_0() {
    for (arguments, part) in [
        (&[][..], "requires a subcommand"),
        (&["serve"], "--config"),
        (&["serve", "--config"], "a value is required"),
        (&["serve", "--port", "1"], "'--port'"),
        (&["check-config", "--confg", "x"], "'--confg' found; tip: "),
        (&["publish"], "'publish'"),
        (&["\n"], "unrecognized subcommand"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_one_line(&said, &[part, "; see --help"]);
        assert!(!said.contains("For more information"), "{said}");
    }
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        assert_eq!(run(arguments).status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_good_configuration_is_in_order() {
    let register = Register::empty();
    let config = register.path("certq.toml");
    let output = run(&["check-config", "--config", &config.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("is in order")
    );
    let warned = String::from_utf8(output.stderr).unwrap();
    assert_one_line(
        &warned,
        &["warning", "budgets are not enforced in this release"],
    );
}

#[test]
fn configurations_that_end_the_start() {
    let register = Register::empty();
    for (public, parts) in [
        (
            "lisen = 1",
            &[
                "certq.toml",
                "unknown field `lisen`",
                "expected one of `listen`",
            ][..],
        ),
        (
            "tls_key = \"k\"",
            &["public.tls_key", "not in this release"],
        ),
        (
            "name_and_id = \"challenge\"",
            &["challenge", "not in this release"],
        ),
        ("[exchange]", &["[exchange]", "not in this release"]),
        (
            "threads = 5000",
            &["public.threads = 5000", "0 (one per core) to 1024"],
        ),
    ] {
        register.configure(public);
        for command in ["serve", "check-config"] {
            let (code, said) = refused(command, &register);
            assert_eq!(code, 64, "{said}");
            assert_one_line(&said, parts);
        }
    }
    let nowhere = run(&["serve", "--config", "/nowhere/certq.toml"]);
    assert_eq!(nowhere.status.code(), Some(64));
    assert_one_line(
        &String::from_utf8(nowhere.stderr).unwrap(),
        &["/nowhere/certq.toml"],
    );
}

#[test]
fn a_public_listener_without_limits_must_be_loopback() {
    let register = Register::empty();
    let config = register.configure("");
    let text = fs::read_to_string(&config).unwrap().replace(
        "[public]\nlisten = [\"127.0.0.1:0\"]",
        "[limits]\nenabled = false\n[public]\nlisten = [\"0.0.0.0:0\"]",
    );
    fs::write(&config, text).unwrap();
    let (code, said) = refused("serve", &register);
    assert_eq!(code, 64);
    assert_one_line(&said, &["limits.enabled = false", "0.0.0.0:0", "loopback"]);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let register = Register::empty();
    let key = register.path("keys/lookup.key");
    for mode in [0o644, 0o620, 0o604] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let (code, said) = refused("serve", &register);
        assert_eq!(code, 64);
        assert_one_line(&said, &["lookup.key", "chmod 0600"]);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(refused("check-config", &register).0, 0);
    fs::remove_file(&key).unwrap();
    let (code, said) = refused("serve", &register);
    assert_eq!(code, 64);
    assert_one_line(&said, &["lookup.key", "index-builder keys"]);
}

#[test]
fn an_occupied_port_is_74_and_says_which() {
    let register = Register::empty();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = register.configure("");
    let text = fs::read_to_string(&config).unwrap();
    for (door, key) in [
        ("[public]\nlisten = [\"127.0.0.1:0\"]", "public.listen"),
        ("[admin]\nlisten = \"127.0.0.1:0\"", "admin.listen"),
    ] {
        let occupied = door.replace("127.0.0.1:0", &address);
        fs::write(&config, text.replace(door, &occupied)).unwrap();
        let (code, said) = refused("serve", &register);
        let last = said.lines().last().unwrap();
        assert_eq!(code, 74, "{said}");
        assert_one_line(last, &[&address, key, "stop what uses it"]);
    }
}

#[test]
fn a_cache_in_use_or_open_to_others_is_74() {
    let register = Register::empty();
    let program = Program::start(&register);
    let (code, said) = refused("serve", &register);
    assert_eq!(code, 74);
    assert_one_line(&said, &["another process uses", "cache"]);
    drop(program);
    fs::set_permissions(register.path("cache"), fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = refused("serve", &register);
    assert_eq!(code, 74);
    assert_one_line(&said, &["cache", "chmod 0700"]);
}

#[test]
fn the_environment_overrides_scalars() {
    let register = Register::published();
    let config = register.path("certq.toml");
    let config = config.to_string_lossy();
    let output = certq(&["check-config", "--config", &config])
        .env("CERTQ_PUBLIC_NAME_AND_ID", "maybe")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert_one_line(
        &String::from_utf8(output.stderr).unwrap(),
        &["public.name_and_id", "maybe"],
    );

    let elsewhere = register.path("other-cache");
    let mut command = certq(&["serve", "--config", &config]);
    let program = Program::spawn(command.env("CERTQ_STORE_CACHE_DIR", &elsewhere));
    program.wait_for_epoch(107);
    assert!(elsewhere.is_dir() && !register.path("cache").exists());
}

#[test]
fn the_process_gives_no_core_dump_and_has_a_private_cache() {
    let register = Register::published();
    let program = Program::ready(&register);
    let limits = program.limits();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let fields: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(fields[4..6], ["0", "0"], "{core}");
    let mode = fs::metadata(register.path("cache"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o700);
}
