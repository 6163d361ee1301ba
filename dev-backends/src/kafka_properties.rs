//! The configuration of a Kafka that is broker and controller in one (KRaft).

/// A second listener, for clients behind a proxy: they are told the proxy's port, and stay behind it.
#[derive(Clone, Copy, Debug)]
pub struct Proxied {
    /// Where the broker listens for the proxy.
    pub listen: u16,
    /// Where the proxy listens for clients.
    pub advertise: u16,
}

/// `server.properties` for one node on loopback; its logs go to `logs`.
pub fn server(port: u16, controller: u16, proxied: Option<Proxied>, logs: &str) -> String {
    let own = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}");
    let (listen, advertise) = proxied.map_or_else(Default::default, |Proxied { listen, advertise }| {
        (format!(",PROXIED://127.0.0.1:{listen}"), format!(",PROXIED://127.0.0.1:{advertise}"))
    });
    let addresses = format!(
        "listeners={own}{listen}\n\
         advertised.listeners={own}{advertise}\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n"
    );
    addresses + NODE + &format!("log.dirs={logs}\n")
}

/// One node has no replicas; groups of a test need not wait for members that never come,
/// and a broker that was killed may not come back before its session has ended.
const NODE: &str = "\
process.roles=broker,controller
node.id=1
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1500
";
