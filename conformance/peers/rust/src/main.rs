//! The Rust client of the classic protocol as a command: rust-client PORT --host URL.
use localtunnel_client::{broadcast, open_tunnel, ClientConfig};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() != 4 || arguments[2] != "--host" {
        eprintln!("usage: rust-client PORT --host URL");
        std::process::exit(2);
    }
    let (shutdown, _) = broadcast::channel(1);
    let config = ClientConfig {
        server: Some(arguments[3].clone()),
        subdomain: None,
        local_host: Some("127.0.0.1".to_string()),
        local_port: arguments[1].parse().expect("a port"),
        shutdown_signal: shutdown.clone(),
        max_conn: 10,
        credential: None,
        reregister_after: None,
    };
    match open_tunnel(config).await {
        Ok(url) => println!("your url is: {url}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    std::future::pending::<()>().await
}
